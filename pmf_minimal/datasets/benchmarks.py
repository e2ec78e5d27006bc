"""One reader for every data set in the field's layout: the embedded emoji graphs and the nine benchmarks.

A folder holds ``ent_ids_1``, ``triples_1`` for the left graph, ``…_2`` for the right one, ``ill_ent_ids`` with the
known pairs and, where the data have them, ``training_attrs_1/2``, ``rel_ids`` and image features.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import torch
from torch.nn.functional import normalize

from pmf_minimal.datasets import emoji, synthetic, text
from pmf_minimal.datasets.faults import spoil
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
        name: a key of ``DATASETS``, such as ``emoji/fr_en`` or ``dbp15k/zh_en``; or ``synthetic/clean``. With ``+missing``,
            ``+foreign``, ``+hard``, ``+swapped`` or ``+noisy`` behind it, or in place of ``clean``, 30 % of the pictures on
            each side have that fault, and the truth is known (see ``faults.spoil``).
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
    if name.startswith("synthetic/"):
        return synthetic.named(name)
    name, plus, fault = name.partition("+")
    if plus:  # faults are put in after reading
        whole = load(name, root, images, vectors, words)
        if fault not in synthetic.NAMED or fault == "clean" or "image" not in whole.features:
            raise DataError(
                f"{name}+{fault}: no such data set; behind the plus may stand {', '.join(list(synthetic.NAMED)[1:])}"
            )
        spoilt = spoil(whole, "image", **synthetic.NAMED[fault])
        spoilt.name = f"{name}+{fault}"
        return spoilt
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
    if embedded:
        graphs.outside = {"image": normalize(torch.from_numpy(emoji.logos().features).float())}
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
    graphs.features["char"] = _bag(ends, len(row), words=len(ends))
    if vectors:
        graphs.features["name"] = torch.from_numpy(text.mean_vectors(names, row, vectors))
    for m in ("char", "name")[: 1 + bool(vectors)]:
        graphs.present[m] = (graphs.features[m] != 0).any(dim=1)


def read_folder(folder: Path, name: str, seed_share: float, images: Path | None = None, words: int = 1000) -> GraphPair:
    """Read one folder in the field's layout; arguments and errors as for :func:`load`."""
    sides = [_read_entities(folder / f"ent_ids_{side}") for side in (1, 2)]
    ids = [*sides[0], *sides[1]]
    row = {source_id: i for i, source_id in enumerate(ids)}
    if len(row) < len(ids):
        both = next(i for i in sides[1] if i in sides[0])
        raise DataError(f"{folder / 'ent_ids_2'}: id {both} is also in ent_ids_1; the two graphs must not share ids")
    uris = [*sides[0].values(), *sides[1].values()]

    triples = [_read_numbers(folder / f"triples_{side}", 3) for side in (1, 2)]
    for side, (path_triples, entities) in enumerate(zip(triples, sides, strict=True), start=1):
        _check_known(path_triples[:, [0, 2]], entities, folder / f"triples_{side}")
    head, kind, tail = np.concatenate(triples).T
    relations, edge_type = np.unique(kind, return_inverse=True)
    edge_index = np.array([[row[i] for i in head.tolist()], [row[i] for i in tail.tolist()]])

    links = folder / "ill_ent_ids"
    links = links if links.exists() else folder / "ref_ent_ids"
    pairs = _read_numbers(links, 2)
    for column in (0, 1):
        _check_known(pairs[:, [column]], sides[column], links)

    graphs = GraphPair()
    graphs.name, graphs.seed_share = name, seed_share
    graphs.num_nodes, graphs.n_left = len(ids), len(sides[0])
    graphs.edge_index, graphs.edge_type = torch.from_numpy(edge_index), torch.from_numpy(edge_type)
    graphs.pairs = torch.tensor([[row[i], row[j]] for i, j in pairs.tolist()])
    graphs.source_ids = torch.tensor(ids)
    graphs.uris, graphs.entity_names = uris, [display_name(uri) for uri in uris]
    names = dict(_read_relation_names(folder / "rel_ids"))
    graphs.relation_names = [names.get(r, str(r)) for r in relations.tolist()]

    # Relations count at the head and at the tail alike, as often as they occur.
    ends = np.stack([edge_index.ravel(), np.tile(edge_type, 2)], axis=1)
    graphs.features = {"relation": _bag(ends, len(ids), words)}
    if (folder / "training_attrs_1").exists() and len(attributes := _read_attributes(folder, sides)):
        graphs.features["attribute"] = _bag(attributes, len(ids), words).clamp(max=1)
    if images:
        graphs.features["image"] = _image_matrix(images, row)
    graphs.present = {m: (x != 0).any(dim=1) for m, x in graphs.features.items()}
    return graphs


def display_name(uri: str) -> str:
    """What people see: the part of a URI after ``/resource/`` or the last slash, with spaces."""
    mark = "/resource/"
    tail = uri.split(mark, 1)[1] if mark in uri else uri.rsplit("/", 1)[-1]
    return unquote(tail).replace("_", " ")


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


def _read_entities(path: Path) -> dict[int, str]:
    entities = {}
    for number, fields in enumerate(_lines(path), start=1):
        if len(fields) != 2 or not (fields[0].isascii() and fields[0].isdigit() and len(fields[0]) < 19):
            raise DataError(f"{path}:{number}: expected a number, a tab and a name; mend or drop the line")
        if int(fields[0]) in entities:
            raise DataError(f"{path}:{number}: id {fields[0]} for the second time; drop one of the two lines")
        entities[int(fields[0])] = fields[1]
    return entities


def _read_relation_names(path: Path):
    if path.exists():
        for number, fields in enumerate(_lines(path), start=1):
            if len(fields) != 2 or not (fields[0].isascii() and fields[0].isdigit()):
                raise DataError(f"{path}:{number}: expected a number, a tab and a name; mend or drop the line")
            yield int(fields[0]), fields[1]


def _check_known(ids: np.ndarray, entities: dict[int, str], path: Path) -> None:
    unknown = ~np.isin(ids, np.fromiter(entities, dtype=np.int64))
    if unknown.any():
        line, column = np.argwhere(unknown)[0]
        raise DataError(f"{path}:{line + 1}: id {ids[line, column]} is in no ent_ids file; mend or drop the line")


def _read_attributes(folder: Path, sides: list[dict[int, str]]) -> np.ndarray:
    """int64 ``[A, 2]``: entity row and attribute number for every attribute line of both graphs."""
    ends, names, offset = [], {}, 0
    for side, entities in enumerate(sides, start=1):
        path = folder / f"training_attrs_{side}"
        row = {uri: offset + i for i, uri in enumerate(entities.values())}
        offset += len(entities)
        for number, (uri, *attributes) in enumerate(_lines(path), start=1):
            if uri not in row:
                raise DataError(f"{path}:{number}: {uri} is not in ent_ids_{side}; mend or drop the line")
            ends += [(row[uri], names.setdefault(a, len(names))) for a in dict.fromkeys(attributes)]
    return np.array(ends)


def _bag(ends: np.ndarray, n: int, words: int) -> torch.Tensor:
    """float32 ``[n, words or fewer]``: how often each of the most frequent words stands at each entity.

    Args:
        ends: int64 ``[A, 2]``, entity row and word number.
    """
    # Ties in frequency go to the smaller number, so that the columns do not depend on the run.
    frequent = sorted(Counter(ends[:, 1].tolist()).items(), key=lambda item: (-item[1], item[0]))[:words]
    column = {word: i for i, (word, _) in enumerate(frequent)}
    kept = np.array([(i, column[w]) for i, w in ends.tolist() if w in column])
    bag = torch.zeros(n, len(column))
    bag.index_put_(tuple(torch.from_numpy(kept).T), torch.ones(len(kept)), accumulate=True)
    return bag


def _image_matrix(path: Path, row: dict[int, int]) -> torch.Tensor:
    vectors = read_features(path)
    unknown = next((i for i in vectors if i not in row), None)
    if unknown is not None:
        raise DataError(f"{path}: id {unknown} belongs to no entity; is this the file of another data set?")
    width = len(next(iter(vectors.values())))
    matrix = torch.zeros(len(row), width)
    rows = torch.tensor([row[i] for i in vectors])
    matrix[rows] = torch.from_numpy(np.stack(list(vectors.values())))
    # Images are told apart by direction: a picture's overall brightness in feature space says nothing of its subject.
    return normalize(matrix)
