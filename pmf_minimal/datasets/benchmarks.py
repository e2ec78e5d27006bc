"""Data sets by name: the embedded emoji graphs and the nine benchmarks, where each part of them lies, and one way to load them.

The benchmarks are looked for below one folder, in the layout in which the authors of EVA, MCLEA, MEAformer, UMAEA and PMF pass
them on: ``DBP15K/zh_en``, ``OpenEA/OEA_EN_FR_15K_V1``, ``FBDB15K/norm``, image features in ``pkls`` and ``OpenEA/pkl``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pmf_minimal.datasets import emoji, synthetic, text
from pmf_minimal.datasets.assemble import assemble, bag, unit
from pmf_minimal.datasets.faults import corrupt, named_shares
from pmf_minimal.datasets.files import zero_matrix
from pmf_minimal.datasets.images import read_features
from pmf_minimal.datasets.layout import Parts, read_parts, warn
from pmf_minimal.errors import DamagedFile, DataError, MissingFile, UnknownId
from pmf_minimal.graphs import GraphPair

# Of the image features of a file, this share may be of ids that no entity has.
STRANGE_IMAGES = 0.05


@dataclass(frozen=True)
class Source:
    """Where a data set lies below the root, and how many of its pairs are customarily known (paper, section 4.1).

    Attributes:
        images: pattern of the file of image features; at most one file may match.
        names: file of translated names.
        table: name of the data set in the paper's table 4.
    """

    folder: str
    seed_share: float
    images: str | None = None
    names: str | None = None
    table: str | None = None


EMOJI = Path(__file__).parent / "data" / "emoji"
#: Name -> where its files lie; or, for a data set of your own, a function that returns its graphs.
DATASETS = {f"emoji/{pair}": Source(pair, 0.3, f"{pair}/images.npz") for pair in emoji.PAIRS}
for _pair in ("zh_en", "ja_en", "fr_en"):
    DATASETS[f"dbp15k/{_pair}"] = Source(
        f"DBP15K/{_pair}",
        0.3,
        f"pkls/{_pair}*_id_img_feature_dict.pkl",
        f"DBP15K/translated_ent_name/dbp_{_pair}.json",
        f"DBP15K {_pair.replace('_', '-').upper()}",
    )
for _name, _code, _table in (
    ("en_fr_v1", "EN_FR_15K_V1", "EN-FR-V1"),
    ("en_de_v1", "EN_DE_15K_V1", "EN-DE-V1"),
    ("d_w_v1", "D_W_15K_V1", "D-W-V1"),
    ("d_w_v2", "D_W_15K_V2", "D-W-V2"),
):
    DATASETS[f"openea/{_name}"] = Source(
        f"OpenEA/OEA_{_code}",
        0.2,
        f"OpenEA/pkl*/OEA_{_code}*_id_img_feature_dict.pkl",
        table=f"Multi-OpenEA {_table}",
    )
for _name, _folder in (("fb_db", "FBDB15K"), ("fb_yg", "FBYG15K")):
    DATASETS[f"mmkg/{_name}"] = Source(
        f"{_folder}/norm", 0.2, f"pkls/{_folder}*_id_img_feature_dict.pkl", table=_folder
    )


def load(
    name: str,
    root: str | Path | None = None,
    images: str | Path | None = None,
    vectors: str | Path | None = None,
    words: int = 1000,
    seed: int = 0,
) -> GraphPair:
    """Read a data set by name.

    Args:
        name: a key of ``DATASETS``, such as ``emoji/fr_en`` or ``dbp15k/zh_en``; or ``synthetic/clean``. With ``+missing``,
            ``+foreign``, ``+hard``, ``+swapped`` or ``+noisy`` behind it, or in place of ``clean``, 30 % of the pictures on
            each side have that fault, and the truth is known; ``+missing60+foreign20`` has shares of its own (see
            ``faults.named_shares`` and ``faults.corrupt``).
        root: folder that holds the benchmarks' folders; without it the environment variable ``PMF_DATA``. The
            emoji graphs come with the package and need none.
        images: file of image features (see ``read_features``) instead of the one that lies with the data set.
        vectors: file of word vectors (GloVe's text form) for the modality ``name``; with the translated names of DBP15K
            beside the data, ``char`` is there without it.
        words: length of the bags of words, the most frequent names of both graphs together (appendix A.4).
        seed: of what is made up: the synthetic world, and who has a fault.

    Returns:
        The graphs with all known pairs and no split yet. A modality whose files are not there is absent, and ``notes`` says so.

    Raises:
        DataError: unknown name, no root, two files of image features, and every kind of it that the readers know; see
            ``pmf_minimal.errors``. A DataWarning tells what was repaired (``pmf_minimal.datasets.layout``).
    """
    if name.startswith("synthetic/"):
        return synthetic.named(name, seed)
    if callable(DATASETS.get(name)):  # a data set of one's own
        return DATASETS[name]()
    name, plus, fault = name.partition("+")
    if plus:  # faults are put in after reading
        whole = load(name, root, images, vectors, words)
        if "image" not in whole.features:
            raise DataError(f"{name}+{fault}: {name} has no pictures to corrupt")
        spoilt = corrupt(whole, "image", **named_shares(fault, f"{name}+{fault}"), seed=seed)
        spoilt.name = f"{name}+{fault}"
        return spoilt
    folder, root = find(name, root)
    source = DATASETS[name]
    if name.startswith("emoji/"):
        emoji.verify(folder)
    images = Path(images) if images else find_images(source, root)
    names = root / source.names if source.names else None
    if vectors and not (names and os.path.exists(names)):
        raise MissingFile(f"{name}: word vectors need a file of names, {names or 'which this data set does not have'}")
    graphs = read_folder(folder, name, source.seed_share, images, words)
    if name.startswith("emoji/"):
        graphs.outside = {"image": torch.from_numpy(unit(emoji.logos().features.astype(np.float32)))}
    if source.images and not images:
        graphs.notes.append(f"no images: there is no file {root / source.images}")
    if names and os.path.exists(names):
        _add_text(graphs, names, vectors and Path(vectors))
    elif names:
        graphs.notes.append(f"no names, hence no letters of names (char): there is no file {names}")
    return graphs


def find(name: str, root: str | Path | None = None) -> tuple[Path, Path]:
    """Folder of a data set and the root that it lies below; arguments and errors as for :func:`load`."""
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}; known are {', '.join(DATASETS)}")
    root = EMOJI if name.startswith("emoji/") else root or os.environ.get("PMF_DATA")
    if root is None:
        raise DataError(f"{name}: say where the benchmark folders lie, with --root FOLDER or the variable PMF_DATA")
    folder = Path(root) / DATASETS[name].folder
    if not os.path.isdir(folder):
        raise MissingFile(f"{folder}: no such folder; {name} is expected there, below the folder given as root")
    return folder, Path(root)


def find_images(source: Source, root: Path) -> Path | None:
    """The file of image features that lies with a data set, or None."""
    found = sorted(root.glob(source.images)) if source.images else []
    if len(found) > 1:
        raise DataError(
            f"{found[0]}: {found[1].name} beside it might be meant as well; choose one with --images, or take the other away"
        )
    return found[0] if found else None


def read_folder(folder: Path, name: str, seed_share: float, images: Path | None = None, words: int = 1000) -> GraphPair:
    """Read one folder in the field's layout; arguments and errors as for :func:`load`."""
    parts = read_parts(folder)
    graphs = assemble(
        name,
        parts.left,
        parts.right,
        parts.pairs,
        parts.relation_names,
        features={"image": (_image_matrix(images, parts), None)} if images else None,
        seed_share=seed_share,
        words=words,
    )
    if not parts.has_attributes:
        missing = next(f for side in (1, 2) if not os.path.exists(f := folder / f"training_attrs_{side}"))
        graphs.notes.append(f"no attributes: there is no file {missing}, and both graphs need theirs")
    return graphs


def image_features(path: Path, parts: Parts) -> dict[int, np.ndarray]:
    """Image features by entity id, less those of ids that are no entities; these may be few."""
    vectors = read_features(path)
    strange = set(vectors).difference(parts.left.ids.tolist(), parts.right.ids.tolist())
    if len(strange) > STRANGE_IMAGES * len(vectors):
        raise UnknownId(f"{path}: id {min(strange)} belongs to no entity; is this the file of another data set?")
    if strange:
        warn(f"{path}: {len(strange)} of {len(vectors)} features are of ids that no entity has; they are left out")
    return {i: vector for i, vector in vectors.items() if i not in strange}


def _image_matrix(path: Path, parts: Parts) -> np.ndarray:
    """float32 ``[N, d]``, rows of length 1, zero rows for entities without image."""
    vectors = image_features(path, parts)
    ids = [*parts.left.ids.tolist(), *parts.right.ids.tolist()]
    matrix = zero_matrix(len(ids), len(next(iter(vectors.values()))), str(path))
    for row, i in enumerate(ids):
        if i in vectors:
            matrix[row] = vectors[i]
    return unit(matrix)


def _add_text(graphs: GraphPair, path: Path, vectors: Path | None) -> None:
    """Modality ``char`` from names, and ``name`` where there are word vectors."""
    row = {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    names = text.read_names(path)
    unknown = next((i for i in names if i not in row), None)
    if unknown is not None:
        raise UnknownId(f"{path}: id {unknown} is in no ent_ids file; is this the file of another data set?")
    ends = text.bigrams(names, row)
    if not len(ends):
        raise DamagedFile(f"{path}: no name has a word of two letters; is this the file of names?")
    graphs.features["char"] = torch.from_numpy(bag(ends, len(row), words=len(ends)))
    if vectors:
        graphs.features["name"] = torch.from_numpy(text.mean_vectors(names, row, vectors))
    for m in ("char", "name")[: 1 + bool(vectors)]:
        graphs.masks[m] = torch.from_numpy(graphs.features[m].numpy().any(axis=1))
