"""Your own graphs: from tables in memory, or in files, to a :class:`GraphPair`."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from pmf_minimal.datasets import lines, text, vision
from pmf_minimal.datasets.assemble import Side, assemble, bag, display_name, unit
from pmf_minimal.datasets.images import npy_array, npz_arrays
from pmf_minimal.errors import (
    BadFeatures,
    DamagedFile,
    DataError,
    DuplicateId,
    EmptyFile,
    MalformedLine,
    MissingFile,
    UnknownId,
    UnsafeArchive,
)
from pmf_minimal.graphs import GraphPair

LETTERS = 2000  # length of the bag of pairs of letters: all that occur in alphabets, the frequent ones of Chinese
TAB = "\t"


@dataclass
class Tables:
    """One graph of your own. Entities may be anything hashable; ``str`` of them is their URI.

    Attributes:
        triples: columns head, relation, tail, in this order.
        attributes: columns entity, attribute; a third one with values may follow, which the model does not use, as
            the paper's does not.
        names: entity -> name for people; not all need one.
        images: entity -> image file.
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


def from_frames(
    left: Tables,
    right: Tables,
    pairs: Iterable = (),
    name: str = "own graphs",
    network: str = "efficientnet-lite0",
    progress: bool = True,
) -> GraphPair:
    """Two graphs from tables. Entities are all that occur in the triples, attributes, names, images or features.

    Names become the modality ``char``, counts of pairs of neighbouring letters; images ``image``; features keep their
    own name.

    Args:
        left, right: the graphs.
        pairs: known pairs, (left entity, right entity); a DataFrame's first two columns, or a list of tuples.
        name: what messages call these graphs.
        network: makes features of image files, see :func:`vision.features`.
        progress: show a bar while it does.

    Returns:
        The graphs with all known pairs and no split yet.

    Raises:
        DataError: and always one of its kinds, as :func:`assemble` says. UnknownId: a pair names an entity that its
            graph does not have, or hardly an id of a file occurs in the triples. DuplicateId: an entity in two pairs.
            BadFeatures: a modality's name is of no use, or its widths differ. MalformedLine: a table has too few columns
            or an empty cell. EmptyFile: a graph has no triples, and no feature that both graphs have.
    """
    _check_features(left, right)
    notes = _strangers(left, right, name)
    sides, relations, kinds = [], {}, {}
    for word, tables in (("left", left), ("right", right)):
        where = f"{name}, {word} graph"
        triples = _strings(tables.triples, 3, f"{where}, triples")
        attributes = (
            np.empty((0, 2), object)
            if tables.attributes is None
            else _strings(tables.attributes, 2, f"{where}, attributes")
        )
        number = {e: i for i, e in enumerate(_entities(tables))}
        names = {str(e): str(label) for e, label in tables.names.items()}
        sides.append(
            Side(
                list(number),
                _numbers(triples, number, relations, number),
                _numbers(attributes, number, kinds),
                names=[names.get(e) or display_name(e) for e in number],
            )
        )
    numbers = [{e: i for i, e in enumerate(side.uris)} for side in sides]
    known, remarks = _known(pairs, numbers, name)
    features = _features(left, right, numbers, network, progress)
    graphs = assemble(name, *sides, known, list(relations), features)
    graphs.notes += [*left.notes, *right.notes, *notes, *remarks]
    for word, side in zip(("left", "right"), sides, strict=True):
        if not len(side.triples):
            if not any(all(mask.any() for mask in graphs.side(m)) for m in graphs.features):
                raise EmptyFile(
                    f"{name}: the {word} graph has no triples, nor a feature that both graphs have; give one of them"
                )
            graphs.notes.append(f"the {word} graph has no triples: its entities are matched by their features alone")
    return graphs


def _strangers(left: Tables, right: Tables, name: str) -> list[str]:
    """Sentences on the ids of files that no triple has; UnknownId if those are more than nine in ten."""
    found, linked = [], []
    for tables in (left, right):
        parts = {"names": tables.names, "images": tables.images}
        if tables.attributes is not None:
            parts["attributes"] = tables.attributes.iloc[:, 0]
        mine = [e for what, ids in parts.items() if what not in tables.files for e in ids]
        linked.append({str(e) for e in [*tables.triples.iloc[:, [0, 2]].astype(object).to_numpy().ravel(), *mine]})
        parts = {what: ids for what, ids in parts.items() if what in tables.files}
        found.append(parts | {modality: table.index for modality, table in tables.features.items()})
    notes = []
    for k, (word, tables) in enumerate((("left", left), ("right", right))):
        for what, ids in found[k].items():
            ids = dict.fromkeys(str(e) for e in ids)
            strange = [e for e in ids if e not in linked[k]]
            if not strange or not linked[k]:  # a graph without triples cannot have them
                continue
            where = tables.files.get(what, f"{name}, {word} graph, {what}")
            told = f"{where}: {len(strange)} of {len(ids)} ids, such as {strange[0]!r}, are in no triple of the {word} graph"
            if len(strange) > 0.9 * len(ids):
                fits = what in found[1 - k] and len(linked[1 - k] & ids.keys()) > 0.1 * len(ids)
                raise UnknownId(f"{told}; {'swap the two files' if fits else 'give the ids that the triples have'}")
            notes.append(f"{told}; they stay, as entities without triples")
    return notes


def _entities(tables: Tables) -> dict[str, None]:
    """All entities as strings, in the order of their first mention."""
    attributes = [] if tables.attributes is None else tables.attributes.iloc[:, 0]
    mentioned = [tables.triples.iloc[:, [0, 2]].astype(object).to_numpy().ravel(), attributes]
    mentioned += [tables.names, tables.images, *(table.index for table in tables.features.values())]
    return dict.fromkeys(str(e) for part in mentioned for e in part)


def _strings(table: pd.DataFrame, width: int, where: str) -> np.ndarray:
    """object ``[rows, width]``, strings."""
    if table.shape[1] < width:
        raise MalformedLine(f"{where}: {table.shape[1]} columns; give at least {width}")
    cells = table.iloc[:, :width].astype(object)
    bad = cells.isna() | (cells == "")
    if bad.to_numpy().any():
        raise MalformedLine(
            f"{where}: row {int(bad.any(axis=1).to_numpy().argmax())} has an empty cell; fill it or drop the row"
        )
    return cells.map(str).to_numpy().reshape(-1, width)


def _numbers(cells: np.ndarray, *vocabularies: dict[str, int]) -> np.ndarray:
    """int64 of the same shape; what a vocabulary does not have yet is added to it."""
    columns = [[v.setdefault(c, len(v)) for c in column] for v, column in zip(vocabularies, cells.T, strict=True)]
    return np.array(columns, dtype=np.int64).T.reshape(-1, len(vocabularies))


def _known(pairs: Iterable, numbers: list[dict[str, int]], name: str) -> tuple[np.ndarray, list[str]]:
    """int64 ``[P, 2]``, and sentences on what was left out."""
    places = None
    if isinstance(pairs, pd.DataFrame):
        places = pairs.index if pairs.index.name == "place" else None  # as read_pairs gives them
        pairs = pairs.iloc[:, :2].itertuples(index=False)
    pairs = [tuple(str(e) for e in pair) for pair in pairs]
    distinct = {}
    for row, pair in enumerate(pairs):
        distinct.setdefault(pair, f"{name}, pairs, row {row}" if places is None else places[row])
    unknown = [(k, pair) for pair in distinct for k in (0, 1) if pair[k] not in numbers[k]]
    if unknown:
        k, pair = unknown[0]
        told = f"{distinct[pair]}: the {('left', 'right')[k]} graph does not have {pair[k]}"
        if len(unknown) > 1:
            some = ", ".join(pair[k] for k, pair in unknown[:3])
            told += f", and there are {len(unknown)} such ids in all ({some}{', …' * (len(unknown) > 3)})"
        mend = "swap the two columns, or LEFT and RIGHT" if pair[1 - k] in numbers[k] else "mend or drop it"
        raise UnknownId(f"{told}; {mend}")
    seen = (set(), set())
    for pair, place in distinct.items():
        for entity, side in zip(pair, seen, strict=True):
            if entity in side:
                raise DuplicateId(f"{place}: {entity} for the second time; drop one of the two")
            side.add(entity)
    again = len(pairs) - len(distinct)
    remarks = [f"{again} known pairs repeat an earlier one and are left out"] if again else []
    found = [[numbers[0][a], numbers[1][b]] for a, b in distinct]
    return np.array(found, dtype=np.int64).reshape(-1, 2), remarks


def _check_features(left: Tables, right: Tables) -> None:
    """BadFeatures unless the modalities have names that are free, and both graphs have them in one width."""
    reserved = {"joint", "structure", "relation", "attribute", "char"}
    if left.images or right.images:
        reserved.add("image")
    for modality in dict.fromkeys([*left.features, *right.features]):
        if modality in reserved or hasattr(nn.ModuleDict, modality):
            where = " where there are pictures" if modality == "image" else ""
            raise BadFeatures(f"{modality!r}: this name is reserved{where}; give the features another one")
        if not re.fullmatch("[a-z][a-z0-9_]*", modality):
            raise BadFeatures(f"{modality!r}: not a name for features; take another one of small letters, digits and _")
        found = [
            (t.files.get(modality, f"{word} graph"), t.features.get(modality))
            for word, t in (("left", left), ("right", right))
        ]
        for k, word in enumerate(("left", "right")):
            if found[k][1] is None:
                raise BadFeatures(
                    f"{modality}: {found[1 - k][0]} has features, but there are none for the {word} graph; give both, or neither"
                )
        if found[0][1].shape[1] != found[1][1].shape[1]:
            widths = " and ".join(f"{where}: {table.shape[1]}" for where, table in found)
            raise BadFeatures(f"{modality}: numbers of each entity differ, {widths}; give features of one width")


def _features(left: Tables, right: Tables, numbers: list[dict[str, int]], network: str, progress: bool) -> dict:
    """modality -> (float32 ``[N, d]``, None), what ``assemble`` expects."""
    row = dict(enumerate(numbers))
    shift, n = (0, len(row[0])), len(row[0]) + len(row[1])
    features = {}
    words = {
        shift[k] + row[k][str(e)]: str(label).lower().split()
        for k, tables in enumerate((left, right))
        for e, label in tables.names.items()
    }
    ends = text.bigrams(words, {i: i for i in words})
    if len(ends):
        features["char"] = (bag(ends, n, LETTERS), None)
    files = {
        shift[k] + row[k][str(e)]: path for k, tables in enumerate((left, right)) for e, path in tables.images.items()
    }
    if files:
        x = np.zeros((n, 0), np.float32)
        vectors = vision.features(list(files.values()), network, progress=progress).numpy()
        x = np.zeros((n, vectors.shape[1]), np.float32)
        x[list(files)] = vectors
        features["image"] = (unit(x), None)
    for modality in left.features:
        tables = [t.features[modality] for t in (left, right)]
        x = np.zeros((n, tables[0].shape[1]), np.float32)
        for k, table in enumerate(tables):
            if table.index.has_duplicates:
                raise DuplicateId(f"{modality}: {table.index[table.index.duplicated()][0]} twice; keep one row of it")
            try:
                x[[shift[k] + row[k][str(e)] for e in table.index]] = table.to_numpy(np.float32)
            except (TypeError, ValueError):
                raise BadFeatures(f"{modality}: something else than numbers; give numbers only") from None
        features[modality] = (unit(x), None)
    return features


def read_folder(folder: Path) -> Tables:
    """One graph from a folder of tables, each CSV or TSV with a first line that names the columns.

    ``triples`` (head, relation, tail) is needed; ``attributes`` (entity, attribute and perhaps value), ``names``
    (entity, name) and ``images`` (entity, path, relative to the folder) may be there, and features: every ``.npz`` or ``.npy``
    file is a modality that bears the file's name, see :func:`read_features`.

    Raises:
        DataError: and always one of its kinds: MissingFile, EmptyFile, NotUTF8, MalformedLine, DuplicateId, BadFeatures,
            DamagedFile.
    """
    tables, read = {}, {}
    for stem, columns in _COLUMNS.items():
        files = [f for f in (folder / f"{stem}.csv", folder / f"{stem}.tsv") if f.exists()]
        if len(files) > 1:
            raise DataError(f"{files[0]}: {files[1].name} is there too; keep one of the two")
        if files:
            tables[stem], read[stem] = read_table(files[0], columns), files[0]
    features = {file.stem: file for file in sorted([*folder.glob("*.npz"), *folder.glob("*.npy")])}
    others = sorted(
        f.name for f in folder.iterdir() if f.suffix.lower() in _OURS and f not in {*read.values(), *features.values()}
    )
    if "triples" not in tables:
        there = f", only {', '.join(others[:5])}" if others else ""
        mend = (
            "give the RDF file itself"
            if any(f.lower().endswith((".nt", ".ttl")) for f in others)
            else "a graph needs its triples"
        )
        raise MissingFile(f"{folder}: no triples.csv or triples.tsv in this folder{there}; {mend}")
    notes = []
    if others:
        notes.append(
            f"{folder}: {', '.join(others)} not read; read are {', '.join(_COLUMNS)} (.csv or .tsv), and .npz and .npy"
        )
    triples = tables["triples"]
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
        {e: inside(folder, path) for e, path in single["images"].items()},
        {modality: read_features(file) for modality, file in features.items()},
        notes,
        {what: file for what, file in read.items() if what != "triples"} | features,
    )


_COLUMNS = {
    "triples": ("head", "relation", "tail"),
    "attributes": ("entity", "attribute"),
    "names": ("entity", "name"),
    "images": ("entity", "path"),
}
_OURS = {".csv", ".tsv", ".nt", ".ttl", ".npz", ".npy"}


def read_table(path: Path, columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """A CSV file, or TSV by its ending, as strings without blanks at their ends.

    Args:
        columns: names that its first line must have, in whatever order; none for a file whose first line may be data.

    Returns:
        The rows, these columns first, with the numbers of their lines as index.

    Raises:
        DataError: MissingFile, EmptyFile, NotUTF8; MalformedLine names the line that has another number of fields than
            the first one, an empty field among the named ones, or a quote that does not end.
    """
    content = lines.decode(lines.content(path), path)
    if "\0" in content:
        raise MalformedLine(f"{path}:{content[: content.index(chr(0))].count(chr(10)) + 1}: a zero byte; mend the line")
    comma = TAB if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(content), delimiter=comma, skipinitialspace=True, strict=True)
    rows, numbers, places = [], [], None
    try:
        for row in reader:
            if not row:
                continue
            row = [cell.strip() for cell in row]
            if not rows:
                places = _places(path, row, columns, comma)
            elif len(row) != len(rows[0]):
                raise MalformedLine(f"{path}:{reader.line_num}: {len(row)} fields, not {len(rows[0])}; mend the line")
            row = [row[k] for k in places]
            if rows and not all(row[: len(columns) or None]):
                raise MalformedLine(f"{path}:{reader.line_num}: an empty field; fill it or drop the line")
            rows.append(row)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise MalformedLine(f"{path}:{reader.line_num}: {error}; mend the line") from None
    if not columns:
        return pd.DataFrame(rows, index=numbers)
    return pd.DataFrame(rows[1:], numbers[1:], rows[0])


def _places(path: Path, first: list[str], columns: tuple[str, ...], comma: str) -> list[int]:
    """Numbers of all columns, those that are asked for in front; MalformedLine says what the first line has instead."""
    if {*columns} <= {*first}:
        asked = [first.index(column) for column in columns]
        return asked + [k for k in range(len(first)) if k not in asked]
    found = comma.join(first)
    other = next(
        (c for c in (";", TAB, "|", ",") if c != comma and {*columns} <= {w.strip() for w in found.split(c)}), None
    )
    if other:
        mend = f"separate columns by {'tabs' if comma == TAB else 'commas'}{', or call the file .tsv' * (other == TAB)}"
    else:
        mend = f"make it {comma.join(columns)}, or add that line"
    raise MalformedLine(f"{path}:1: the first line is {found[:80]!r}, and must name the columns; {mend}")


def read_features(path: Path) -> pd.DataFrame:
    """Features of your own, for instance embeddings of texts.

    Args:
        path: ``.npz`` with ``ids``, n strings, and ``features``, numbers ``[n, d]``, written with
            ``np.savez(path, ids=np.array(ids), features=x)``; or ``.npy`` ``[n, d]``, beside which a ``.txt`` file of the same
            name lists the entities, one a line, in the order of the rows.

    Returns:
        float32 ``[n, d]`` with the entities as index.

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile; DamagedFile: no such file of arrays, or one that
            claims more than it holds; UnsafeArchive; NotUTF8; BadFeatures: other shapes or types, NaN, infinity; DuplicateId.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise EmptyFile(f"{path}: the file is empty; write it again")
            if path.suffix == ".npy":
                x = npy_array(file, size)
                content = lines.content(path.with_suffix(".txt"))
                ids = np.array(lines.decode(content, path.with_suffix(".txt")).rstrip("\r\n").splitlines())
            else:
                ids, x = npz_arrays(file, size)
    except OSError as error:
        raise MissingFile(f"{path}: no such file of features ({error.strerror}); check the path") from None
    except UnsafeArchive as error:
        raise UnsafeArchive(f"{path}: {error}; do not use it") from None
    except DataError:
        raise
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        raise DamagedFile(
            f"{path}: not an array, or no npz with ids and features ({str(error)[:100]}); write it again"
        ) from None
    if ids.ndim != 1 or x.ndim != 2 or len(ids) != len(x) or x.dtype.kind not in "fiu" or ids.dtype.kind not in "Uiu":
        raise BadFeatures(
            f"{path}: ids {list(ids.shape)} of {ids.dtype}, features {list(x.shape)} of {x.dtype}; give as many strings as "
            "rows of numbers"
        )
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        x = x.astype(np.float32)
    names = [str(i).strip() for i in ids]
    again = lines.repeated(names)
    if again is not None:
        raise DuplicateId(f"{path}: row {again} is {names[again]} for the second time; drop one of the two")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise BadFeatures(f"{path}: row {bad.argmax()} holds NaN or infinity; drop it or compute it again")
    return pd.DataFrame(x, index=names)


def inside(folder: Path, path: str) -> Path:
    """A file below the folder; DataError if the path leads out of it."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise DataError(f"{folder}: picture {path} lies outside this folder; copy it into the folder")
    return file


def read_graph(path: Path) -> Tables:
    """One graph from a folder of tables or an RDF file (see :mod:`pmf_minimal.own.rdf`)."""
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise MissingFile(f"{path}: this file or folder does not exist; check the path")
    if path.suffix.lower() in (".csv", ".tsv"):
        raise DamagedFile(f"{path}: a table, and a graph is a folder of tables; give the folder that holds it")
    from pmf_minimal.own import rdf  # needs rdflib, which the rest of the package does not

    return rdf.read(path)


def read_pairs(path: Path, left: Tables, right: Tables) -> pd.DataFrame:
    """Known pairs from a CSV or TSV file of two columns, or from N-Triples or Turtle with owl:sameAs.

    A first line of a table is passed over if it names no entity of either graph; columns that it calls left and right
    may stand in any order. owl:sameAs is read in either direction.

    Returns:
        Columns left and right; the index is the place that errors name, file and line (of RDF the file).

    Raises:
        DataError: as the readers of these files; EmptyFile: no pair in it.
    """
    known = [{*_entities(tables)} for tables in (left, right)]
    if path.suffix.lower() in (".nt", ".ttl"):
        from pmf_minimal.own import rdf

        stated = rdf.same_as(path)
        straight = [a in known[0] and b in known[1] for a, b in stated]
        back = [b in known[0] and a in known[1] for a, b in stated]
        stated = [pair[::-1] if b and not s else pair for pair, s, b in zip(stated, straight, back, strict=True)]
        pairs = pd.DataFrame(stated, columns=["left", "right"], dtype=object)
        pairs.index = [str(path)] * len(pairs)
    else:
        pairs = read_table(path)
        if pairs.shape[1] < 2:
            raise MalformedLine(
                f"{path}:1: one column, {pairs.iloc[0, 0][:80]!r}; give two, left and right, with a comma or (in .tsv) a tab "
                "between them"
            )
        first = pairs.iloc[0].tolist()
        if not (known[0] | known[1]) & {*first[:2]}:
            pairs = pairs.iloc[1:]
            if {"left", "right"} <= {*first}:
                pairs = pairs[[first.index("left"), first.index("right")]]
        pairs = pairs.iloc[:, :2].set_axis(["left", "right"], axis=1)
        pairs.index = [f"{path}:{number}" for number in pairs.index]
    if pairs.empty:
        raise EmptyFile(f"{path}: no pair in it; give some, or start without (see --start)")
    return pairs.rename_axis("place")
