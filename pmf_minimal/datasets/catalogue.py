"""What of the nine benchmarks lies in a folder, where the rest is published, and whether it counts as the paper's Table 4 does."""

from __future__ import annotations

import csv
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmf_minimal.datasets import text
from pmf_minimal.datasets.benchmarks import DATASETS, Source, find_images, image_features
from pmf_minimal.datasets.layout import Parts, read_parts
from pmf_minimal.errors import DataError, DataWarning

TABLE_4 = Path(__file__).parent / "data" / "table4.csv"
WORD_VECTORS = "embedding/glove.6B.300d.txt"

# Where the authors publish each part. Only pages of the projects: the files behind them move.
_WHOLE = {
    "dbp15k": "https://github.com/zjukg/MEAformer (the whole folder), https://github.com/nju-websoft/JAPE (without images)",
    "openea": "https://github.com/zjukg/UMAEA (the whole folder), https://github.com/THUKElab/Multi-OpenEA",
    "mmkg": "https://github.com/zjukg/MEAformer (the whole folder), https://github.com/mniepert/mmkb (the original)",
}
_IMAGES = {
    "dbp15k": "https://github.com/cambridgeltl/eva, https://github.com/zjukg/MEAformer",
    "openea": "https://github.com/zjukg/UMAEA, https://github.com/THUKElab/Multi-OpenEA",
    "mmkg": "https://github.com/lzxlin/MCLEA, https://github.com/zjukg/MEAformer",
}
COUNTS = ("entities", "relations", "attributes", "relation_triples", "attribute_triples", "images", "ea_pairs")


@dataclass(frozen=True)
class Part:
    """One part of a data set: its files or patterns below the root, those that are not there, and who publishes it."""

    what: str
    files: tuple[str, ...]
    missing: tuple[str, ...]
    published: str


@dataclass(frozen=True)
class Count:
    """One number of one graph beside the paper's; None where there is nothing to count."""

    graph: str
    what: str
    found: int | None
    paper: int
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.found is None:
            return self.note or "absent"
        return "equal" if self.found == self.paper else "differs"


def benchmarks() -> dict[str, Source]:
    """The nine, by name."""
    return {name: source for name, source in DATASETS.items() if source.table}


def parts(name: str, root: Path) -> list[Part]:
    """Every part that a benchmark has in its authors' folder, in the order in which it is needed."""
    source, family = DATASETS[name], name.split("/")[0]
    sides = [
        tuple(f"{source.folder}/{file}_{side}" for side in (1, 2)) for file in ("ent_ids", "triples", "training_attrs")
    ]
    pairs = [f"{source.folder}/{file}" for file in ("ill_ent_ids", "ref_ent_ids")]
    pairs = pairs[1] if os.path.exists(root / pairs[1]) and not os.path.exists(root / pairs[0]) else pairs[0]
    listed = [
        ("entities", sides[0], _WHOLE[family]),
        ("triples", sides[1], _WHOLE[family]),
        ("known pairs", (pairs,), _WHOLE[family]),
        ("attributes", sides[2], _WHOLE[family]),
    ]
    if family == "openea":
        listed.append(("relation names", (f"{source.folder}/rel_ids",), _WHOLE[family]))
    listed.append(("images", (source.images,), _IMAGES[family]))
    if source.names:
        listed.append(("names", (source.names,), "https://github.com/zjukg/MEAformer"))
        listed.append(("word vectors", (WORD_VECTORS,), "https://nlp.stanford.edu/projects/glove"))
    return [
        Part(
            what,
            files,
            tuple(file for file in files if not any(os.path.isfile(path) for path in root.glob(file))),
            published,
        )
        for what, files, published in listed
    ]


def table_4() -> dict[str, list[dict[str, str]]]:
    """Data set -> the paper's row for its left and for its right graph."""
    rows: dict[str, list[dict[str, str]]] = {}
    with TABLE_4.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            rows.setdefault(row["dataset"], []).append(row)
    return rows


def compare(name: str, root: Path) -> list[Count]:
    """Count a benchmark and put each number beside Table 4's.

    Counted as the paper does: relations and attributes are those that occur in a graph, triples and pairs are the lines of their
    files, and every mention of an attribute in ``training_attrs`` is an attribute triple. Where no entity mentions an
    attribute twice, the file lists each once however many values it has, and triples cannot be counted from it.

    Raises:
        DataError: as the readers do; the names file is read as well.
    """
    source = DATASETS[name]
    folder = root / source.folder
    data = read_parts(folder)
    images = find_images(source, root)
    pictured = set(image_features(images, data)) if images else None
    if source.names and os.path.exists(root / source.names):
        text.read_names(root / source.names)
    return [
        Count(row["kg"], what, found, int(row[what]), note)
        for side, row in enumerate(table_4()[source.table])
        for what, (found, note) in zip(COUNTS, _count(data, side, pictured), strict=True)
    ]


def _count(data: Parts, side: int, pictured: set[int] | None) -> list[tuple[int | None, str]]:
    """Number and remark for each of COUNTS."""
    graph = (data.left, data.right)[side]
    mentions = len(graph.attributes)
    once = mentions == len(np.unique(graph.attributes, axis=0))
    attributes, triples = (None, ""), (None, "")
    if data.has_attributes:
        attributes = (len(np.unique(graph.attributes[:, 1])), "")
        triples = (None, "not countable") if once else (mentions, "")
    return [
        (len(graph.uris), ""),
        (len(np.unique(graph.triples[:, 1])), ""),
        attributes,
        (len(graph.triples), ""),
        triples,
        (None, "") if pictured is None else (len(pictured.intersection(graph.ids.tolist())), ""),
        (data.pairs_listed, ""),
    ]


def report(name: str, root: Path) -> tuple[list[str], bool]:
    """Lines for people on one benchmark, and whether all that is there is as it should be."""
    source = DATASETS[name]
    lines = [f"{name}  ({source.table}, {source.folder})"]
    listed = parts(name, root)
    for part in listed:
        if set(part.files) - set(part.missing):
            lines.append(f"  present  {part.what:<16}{', '.join(f for f in part.files if f not in part.missing)}")
    publishers: dict[str, list[Part]] = {}
    for part in listed:
        if part.missing:
            publishers.setdefault(part.published, []).append(part)
    for published, lacking in publishers.items():
        lines += [f"  missing  {part.what:<16}{', '.join(part.missing)}" for part in lacking]
        lines.append(f"           published at {published}")
    if any(part.missing for part in listed[:3]):  # entities, triples, pairs: without them there is nothing to count
        return lines, True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            counts = compare(name, root)
    except DataError as error:
        return [*lines, f"  unreadable  {error}"], False
    lines += [f"  repaired  {warning.message}" for warning in caught]
    half = len(COUNTS)
    graphs = [counts[:half], counts[half:]]
    lines.append(
        f"  {'number of':<19}" + "".join(f"{side[0].graph:>10}{'Table 4':>10}  {'':<13}" for side in graphs).rstrip()
    )
    for row in zip(*graphs, strict=True):
        cells = [f"{'-' if c.found is None else f'{c.found:,}':>10}{c.paper:>10,}  {c.verdict:<13}" for c in row]
        lines.append(f"  {row[0].what.replace('_', ' ').replace('ea ', ''):<19}" + "".join(cells).rstrip())
    return lines, all(count.verdict != "differs" for count in counts)
