"""One reader for every data set in the field's layout: the embedded emoji graphs and the nine benchmarks.

A folder holds ``ent_ids_1``, ``triples_1`` for the left graph, ``…_2`` for the right one, ``ill_ent_ids`` with the
known pairs and, where the data have them, ``training_attrs_1/2``, ``rel_ids`` and image features.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pmf_minimal.datasets import emoji, text
from pmf_minimal.datasets.assemble import Side, assemble, bag, display_name, unit  # noqa: F401
from pmf_minimal.datasets.errors import SharedIds, UnknownId
from pmf_minimal.datasets.images import read_features
from pmf_minimal.graphs import DataError, GraphPair


@dataclass(frozen=True)
class Source:
    """Where a data set lies and how many of its pairs are customarily known (paper, section 4.1)."""

    folder: str
    seed_share: float
    images: str | None = None
    names: str | None = None


EMOJI = Path(__file__).parent / "data" / "emoji"
DATASETS = {
    f"emoji/{pair}": Source(str(EMOJI / pair), 0.3, "images.npz") for pair in ("fr_en", "ja_en", "zh_en", "de_en")
}
DATASETS |= {
    f"dbp15k/{pair}": Source(f"DBP15K/{pair}", 0.3, names=f"DBP15K/translated_ent_name/dbp_{pair}.json")
    for pair in ("zh_en", "ja_en", "fr_en")
}
DATASETS |= {
    f"openea/{name.lower()}": Source(f"OpenEA/OEA_{code}", 0.2)
    for name, code in {
        "en_fr_v1": "EN_FR_15K_V1",
        "en_de_v1": "EN_DE_15K_V1",
        "d_w_v1": "D_W_15K_V1",
        "d_w_v2": "D_W_15K_V2",
    }.items()
}
DATASETS |= {"mmkg/fb_db": Source("FBDB15K/norm", 0.2), "mmkg/fb_yg": Source("FBYG15K/norm", 0.2)}


def load(
    name: str,
    root: str | Path | None = None,
    images: str | Path | None = None,
    vectors: str | Path | None = None,
    words: int = 1000,
) -> GraphPair:
    """Read a data set by name.

    Args:
        name: a key of ``DATASETS``, such as ``emoji/fr_en`` or ``dbp15k/zh_en``.
        root: folder that holds the benchmarks' folders; without it the environment variable ``PMF_DATA``. The
            emoji graphs come with the package and need none.
        images: file of image features (see ``read_features``) when it lies outside the data set's folder.
        vectors: file of word vectors (GloVe's text form) for the modality ``name``; with the translated names of DBP15K
            beside the data, ``char`` is there without it.
        words: length of the bags of words, the most frequent names of both graphs together (appendix A.4).

    Returns:
        The graphs with all known pairs and no split yet.

    Raises:
        DataError: unknown name, missing folder or file, malformed line, damaged embedded data.
    """
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}; known are {', '.join(DATASETS)}")
    source = DATASETS[name]
    embedded = name.startswith("emoji/")
    root = root or os.environ.get("PMF_DATA")
    if not embedded and root is None:
        raise DataError(f"{name}: say where the benchmark folders lie, with --root FOLDER or the variable PMF_DATA")
    folder = Path(source.folder) if embedded else Path(root) / source.folder
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {name} is expected there, below the folder given as root")
    if embedded:
        emoji.verify(folder)
    if images is None and source.images:
        images = folder / source.images
    names = Path(root) / source.names if source.names else None
    if vectors and not (names and names.exists()):
        raise DataError(f"{name}: word vectors need a file of names, {names or 'which this data set does not have'}")
    graphs = read_folder(folder, name, source.seed_share, images and Path(images), words)
    if names and names.exists():
        _add_text(graphs, names, vectors and Path(vectors))
    return graphs


def _add_text(graphs: GraphPair, path: Path, vectors: Path | None) -> None:
    """Modality ``char`` from names, and ``name`` where there are word vectors."""
    row = {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    names = text.read_names(path)
    unknown = next((i for i in names if i not in row), None)
    if unknown is not None:
        raise DataError(f"{path}: id {unknown} is in no ent_ids file; is this the file of another data set?")
    ends = text.bigrams(names, row)
    graphs.features["char"] = torch.from_numpy(bag(ends, len(row), words=len(ends)))
    if vectors:
        graphs.features["name"] = torch.from_numpy(text.mean_vectors(names, row, vectors))
    for m in ("char", "name")[: 1 + bool(vectors)]:
        graphs.present[m] = (graphs.features[m] != 0).any(dim=1)


def read_folder(folder: Path, name: str, seed_share: float, images: Path | None = None, words: int = 1000) -> GraphPair:
    """Read one folder in the field's layout; arguments and errors as for :func:`load`."""
    ids, uris = zip(*(_read_entities(folder / f"ent_ids_{side}") for side in (1, 2)), strict=True)
    shared = np.intersect1d(*ids)
    if len(shared):
        raise SharedIds(
            f"{folder / 'ent_ids_2'}: id {shared[0]} is also in ent_ids_1; the two graphs must not share ids"
        )
    paths = [folder / f"triples_{side}" for side in (1, 2)]
    triples = [_read_numbers(path, 3) for path in paths]
    relations, kind = np.unique(np.concatenate(triples)[:, 1], return_inverse=True)
    for side, kinds in enumerate(np.split(kind, [len(triples[0])])):
        ends = _positions(triples[side][:, [0, 2]], ids[side], paths[side])
        triples[side] = np.stack([ends[:, 0], kinds, ends[:, 1]], axis=1)
    links = folder / "ill_ent_ids"
    links = links if links.exists() else folder / "ref_ent_ids"
    pairs = _read_numbers(links, 2)
    pairs = np.stack([_positions(pairs[:, column], ids[column], links) for column in (0, 1)], axis=1)
    names = dict(_read_relation_names(folder / "rel_ids"))
    attributes = (
        _read_attributes(folder, uris) if (folder / "training_attrs_1").exists() else [np.empty((0, 2), int)] * 2
    )
    return assemble(
        name,
        *(Side(u, t, a, i) for u, t, a, i in zip(uris, triples, attributes, ids, strict=True)),
        pairs=pairs,
        relation_names=[names.get(r, str(r)) for r in relations.tolist()],
        features={"image": (_image_matrix(images, np.concatenate(ids)), None)} if images else None,
        seed_share=seed_share,
        words=words,
    )


def _lines(path: Path) -> list[list[str]]:
    """Tab-separated fields of every line."""
    if not path.is_file():
        raise DataError(f"{path}: this file is missing; the data set cannot be read without it")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 text; convert the file to UTF-8") from None
    lines = [line.rstrip("\r").split("\t") for line in text.split("\n")]
    if lines[-1] == [""]:  # what follows the last line's end
        lines.pop()
    if not lines:
        raise DataError(f"{path}: the file is empty; get it again")
    return lines


def _read_numbers(path: Path, width: int) -> np.ndarray:
    """int64 ``[lines, width]`` from lines of so many numbers."""
    rows = _lines(path)
    for number, fields in enumerate(rows, start=1):
        if len(fields) != width or not all(f.isascii() and f.isdigit() and len(f) < 19 for f in fields):
            raise DataError(f"{path}:{number}: expected {width} numbers with tabs between them; mend or drop the line")
    return np.array(rows, dtype=np.int64)


def _read_entities(path: Path) -> tuple[np.ndarray, list[str]]:
    """Ids, int64 ``[n]``, and URIs."""
    entities = {}
    for number, fields in enumerate(_lines(path), start=1):
        if len(fields) != 2 or not (fields[0].isascii() and fields[0].isdigit() and len(fields[0]) < 19):
            raise DataError(f"{path}:{number}: expected a number, a tab and a name; mend or drop the line")
        if int(fields[0]) in entities:
            raise DataError(f"{path}:{number}: id {fields[0]} for the second time; drop one of the two lines")
        entities[int(fields[0])] = fields[1]
    return np.fromiter(entities, dtype=np.int64), list(entities.values())


def _read_relation_names(path: Path):
    if path.exists():
        for number, fields in enumerate(_lines(path), start=1):
            if len(fields) != 2 or not (fields[0].isascii() and fields[0].isdigit()):
                raise DataError(f"{path}:{number}: expected a number, a tab and a name; mend or drop the line")
            yield int(fields[0]), fields[1]


def _positions(wanted: np.ndarray, ids: np.ndarray, path: Path) -> np.ndarray:
    """Place in ``ids`` of every wanted id, in the shape of ``wanted``, whose first axis is the file's lines."""
    order = np.argsort(ids)
    place = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    found = order[place]
    unknown = ids[found] != wanted
    if unknown.any():
        at = tuple(np.argwhere(unknown)[0])
        raise UnknownId(f"{path}:{at[0] + 1}: id {wanted[at]} is in no ent_ids file; mend or drop the line")
    return found


def _read_attributes(folder: Path, uris: list[list[str]]) -> list[np.ndarray]:
    """For each graph int64 ``[A, 2]``: entity and attribute number for every attribute of every line."""
    found, names = [], {}
    for side, known in enumerate(uris, start=1):
        path = folder / f"training_attrs_{side}"
        row = {uri: i for i, uri in enumerate(known)}
        ends = []
        for number, (uri, *attributes) in enumerate(_lines(path), start=1):
            if uri not in row:
                raise DataError(f"{path}:{number}: {uri} is not in ent_ids_{side}; mend or drop the line")
            ends += [(row[uri], names.setdefault(a, len(names))) for a in attributes]
        found.append(np.array(ends, dtype=np.int64).reshape(-1, 2))
    return found


def _image_matrix(path: Path, ids: np.ndarray) -> np.ndarray:
    """float32 ``[N, d]``, rows of length 1."""
    vectors = read_features(path)
    unknown = set(vectors) - set(ids.tolist())
    if unknown:
        raise UnknownId(f"{path}: id {min(unknown)} belongs to no entity; is this the file of another data set?")
    matrix = np.zeros((len(ids), len(next(iter(vectors.values())))), dtype=np.float32)
    for row, i in enumerate(ids.tolist()):
        if i in vectors:
            matrix[row] = vectors[i]
    return unit(matrix)
