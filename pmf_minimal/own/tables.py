"""Graphs of your own as tables: what they are in memory, and how they are read from files of text and of features."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.files import because
from pmf_minimal.errors import DataError, DuplicateId, MalformedLine, MissingFile
from pmf_minimal.own.features import read_features

TAB = "\t"
#: What others call our columns.
ALIASES = {
    "head": ("subject", "source", "from"),
    "relation": ("predicate", "property", "edge", "type"),
    "tail": ("object", "target", "to"),
    "entity": ("id", "uri", "iri", "subject"),
    "attribute": ("property", "predicate"),
    "name": ("label", "title"),
    "path": ("file", "image"),
}


@dataclass
class Tables:
    """One graph of your own. Entities may be anything hashable; ``str`` of them is their URI.

    Attributes:
        triples: columns head, relation, tail; in this order, unless they bear these names.
        attributes: columns entity, attribute, and perhaps value, which :func:`own.align` compares; the model of the paper uses
            none.
        names: entity -> name for people; not all need one. A dict, a Series, or a table of entity and name.
        labels: language -> entity -> name, where a source has names in several; ``""`` for names without a language. The
            language is chosen when both graphs are known. ``names`` come first.
        images: entity -> image file, in the forms that names may have.
        features: modality -> table of numbers with the entities as index, for instance embeddings of texts.
        notes: sentences on what was left out.
        files: which of ``attributes``, ``names``, ``images`` and modalities came from a file of its own, whose ids may
            therefore be others than those of the triples.
    """

    triples: pd.DataFrame
    attributes: pd.DataFrame | None = None
    names: Mapping = field(default_factory=dict)
    images: Mapping = field(default_factory=dict)
    features: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    labels: Mapping[str, Mapping] = field(default_factory=dict)

    def entities(self) -> dict[str, None]:
        """All entities as strings, in the order of their first mention."""
        parts = [self.triples.iloc[:, [0, 2]].astype(object).to_numpy().ravel()]
        if self.attributes is not None:
            parts.append(self.attributes.iloc[:, 0])
        parts += [self.names, *self.labels.values(), self.images, *(table.index for table in self.features.values())]
        return dict.fromkeys(str(e) for part in parts for e in part)


def read_folder(folder: Path) -> Tables:
    """One graph from a folder of tables, each CSV or TSV with a first line that names the columns.

    ``triples`` (head, relation, tail), ``attributes`` (entity, attribute and perhaps value), ``names`` (entity, name), of which one is
    needed, and ``images`` (entity, path, relative to the folder) may be there, and features: every ``.npz`` or ``.npy``
    file is a modality that bears the file's name, see :func:`read_features`.

    Raises:
        DataError: and always one of its kinds: MissingFile, EmptyFile, NotUTF8, MalformedLine, DuplicateId, BadFeatures,
            DamagedFile.
    """
    tables, read = {}, {}
    for stem, columns in _COLUMNS.items():
        files = [f for f in (folder / f"{stem}.csv", folder / f"{stem}.tsv") if os.path.exists(f)]
        if len(files) > 1:
            raise DataError(f"{files[0]}: {files[1].name} is there too; keep one of the two")
        if files:
            tables[stem], read[stem] = read_table(files[0], columns), files[0]
    features = {}
    for file in sorted([*folder.glob("*.npy"), *folder.glob("*.npz")]):
        if file.stem in features:
            raise DataError(f"{file}: {features[file.stem].name} is there too; keep one of the two")
        features[file.stem] = file
    others = sorted(
        f.name for f in folder.iterdir() if f.suffix.lower() in _OURS and f not in {*read.values(), *features.values()}
    )
    if not {"triples", "attributes", "names"} & tables.keys():
        there = f", only {', '.join(others[:5])}" if others else ""
        mend = "give the file itself" if others else "a graph needs its triples, or attributes"
        raise MissingFile(f"{folder}: no triples.csv or triples.tsv in this folder{there}; {mend}")
    notes = []
    if others:
        notes.append(
            f"{folder}: {', '.join(others)} not read; read are {', '.join(_COLUMNS)} (.csv or .tsv), and .npz and .npy"
        )
    triples = tables.get("triples", pd.DataFrame(columns=_COLUMNS["triples"], dtype=object))
    twice = triples.iloc[:, :3].duplicated()
    if twice.any():
        notes.append(f"{read['triples']}: {int(twice.sum())} triples repeat an earlier one and are left out")
    single = {}
    for stem in ("names", "images"):
        table = tables.get(stem, pd.DataFrame(columns=list("ab")))
        again = lines.repeated(table.iloc[:, 0])
        if again is not None:
            raise DuplicateId(f"{folder / stem}: {table.iloc[again, 0]} for the second time; drop one of the two lines")
        single[stem] = dict(zip(table.iloc[:, 0], table.iloc[:, 1], strict=True))
    return Tables(
        triples[~twice],
        tables.get("attributes"),
        single["names"],
        images={e: inside(folder, path) for e, path in single["images"].items()},
        features={modality: read_features(file) for modality, file in features.items()},
        notes=notes,
        files={what: file for what, file in read.items() if what != "triples"} | features,
    )


_COLUMNS = {
    "triples": ("head", "relation", "tail"),
    "attributes": ("entity", "attribute"),
    "names": ("entity", "name"),
    "images": ("entity", "path"),
}
_OURS = {".csv", ".tsv", ".nt", ".ttl", ".npz", ".npy"}


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV file, or TSV by its ending, as strings without blanks at their ends.

    Args:
        columns: names that its first line must have, in whatever order.

    Returns:
        The rows, these columns first, with the numbers of their lines as index.

    Raises:
        DataError: MissingFile, EmptyFile, NotUTF8; MalformedLine names the line that has another number of fields than
            the first one, an empty field among the named ones, or a quote that does not end.
    """
    found = table_rows(lines.decode(lines.content(path), path), path)
    _, first = next(found)
    order = _order(path, first, columns, separator(path))
    numbers, rows = [], []
    for number, row in found:
        row = [row[k] for k in order]
        if not all(row[: len(columns)]):
            raise MalformedLine(f"{path}:{number}: an empty field; fill it or drop the line")
        numbers.append(number)
        rows.append(row)
    return pd.DataFrame(rows, numbers, [first[k] for k in order])


def separator(path: Path, content: str = "") -> str:
    """What stands between the fields of a table: a tab in ``.tsv``, else a comma, or what its first line has instead."""
    first = content.partition("\n")[0]
    if path.suffix.lower() == ".tsv":
        return TAB
    return max(",;\t|", key=lambda c: first.count(c)) if "," not in first else ","


def headings(first: list[str]) -> dict[str, int]:
    """Our name of a column -> its number, of those of a first line that are called so or as others call them, in any case."""
    folded = [name.strip().casefold() for name in first]
    return {
        ours: next(folded.index(name) for name in (ours, *others) if name in folded)
        for ours, others in ALIASES.items()
        if {ours, *others} & {*folded}
    }


def table_rows(content: str, path: Path, comma: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Number of the line and fields of every line that is not blank, as many as in the first; errors as :func:`read_table`."""
    if "\0" in content:
        raise MalformedLine(f"{path}:{content[: content.index(chr(0))].count(chr(10)) + 1}: a zero byte; mend the line")
    reader = csv.reader(io.StringIO(content), delimiter=comma or separator(path), skipinitialspace=True, strict=True)
    width = None
    try:
        for row in reader:
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise MalformedLine(f"{path}:{reader.line_num}: {len(row)} fields, not {width}; mend the line")
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise MalformedLine(f"{path}:{reader.line_num}: {because(error)}; mend the line") from None


def _order(path: Path, first: list[str], columns: tuple[str, ...], comma: str) -> list[int]:
    """Numbers of all columns, those that are asked for in front; MalformedLine says what the first line has instead."""
    found = headings(first)
    if {*columns} <= found.keys() or {*columns} <= {*first}:
        asked = [first.index(column) if column in first else found[column] for column in columns]
        return asked + [k for k in range(len(first)) if k not in asked]
    said = comma.join(first)
    other = next(
        (c for c in (";", TAB, "|", ",") if c != comma and {*columns} <= {w.strip() for w in said.split(c)}), None
    )
    if other:
        mend = f"separate columns by {'tabs' if comma == TAB else 'commas'}{', or call the file .tsv' * (other == TAB)}"
    else:
        mend = f"make it {comma.join(columns)}, or add that line"
    raise MalformedLine(f"{path}:1: the first line is {said[:80]!r}, and must name the columns; {mend}")


def inside(folder: Path, path: str) -> Path:
    """A file below the folder; DataError if the path leads out of it."""
    try:
        file = (folder / path).resolve()
        outside = not file.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte, links in a circle
        raise DataError(f"{folder}: picture {path[:80]!r} can be no file ({because(error)}); give its path") from None
    if outside:
        raise DataError(f"{folder}: picture {path[:80]!r} lies outside this folder; copy it into the folder")
    return file
