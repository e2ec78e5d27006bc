"""One folder in the field's layout, from files to parts in memory.

A folder holds ``ent_ids_1``, ``triples_1`` for the left graph, ``…_2`` for the right one, ``ill_ent_ids`` (elsewhere called
``ref_ent_ids``) with the known pairs and, where the data have them, ``training_attrs_1/2`` and ``rel_ids``.

What the field's own files need is repaired, and a :class:`~pmf_minimal.errors.DataWarning` says so each time:

==================================================  ==================================================
in the files                                        what becomes of it
==================================================  ==================================================
``training_attrs`` names an entity that is in no    its line is left out (DBP15K and MMKG list more
``ent_ids``                                         entities than they use); at least one must be known
an attribute without a name (a tab too many)        it is left out
``training_attrs`` of one graph alone               attributes are left out, and ``notes`` says so
one entity in two pairs                             both pairs stay (FBDB15K has four pairs more than
                                                    right entities)
one pair twice                                      the repetition is dropped
a few image features of ids that are no entities    they are left out; more than one in twenty is an error
==================================================  ==================================================

A triple that is listed twice counts twice, in the counts of Table 4 as in the bags of relations. A URI under two ids
is an error, for attributes are told by URI and the field's readers, too, count entities by URI.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.assemble import Side
from pmf_minimal.datasets.escape import printable
from pmf_minimal.errors import DataWarning, MissingFile, SharedIds, UnknownId


@dataclass
class Parts:
    """What a folder holds: the arguments of :func:`~pmf_minimal.datasets.assemble.assemble`, and what else is told of it.

    Attributes:
        pairs: int64 ``[P, 2]``, entity numbers left and right, each pair once.
        pairs_listed: number of lines of the file of pairs.
        has_attributes: whether there are ``training_attrs`` of both graphs. Those of one alone have nothing to be compared with.
    """

    left: Side
    right: Side
    pairs: np.ndarray
    relation_names: list[str]
    pairs_listed: int
    has_attributes: bool


def read_parts(folder: Path) -> Parts:
    """Read a folder; see the module for files and repairs.

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile, NotUTF8, MalformedLine for a single file; DuplicateId:
            an id or URI twice in one ``ent_ids``; SharedIds: an id in both; UnknownId: triples or pairs name an id
            that is no entity of their graph, or attributes know none of its URIs.
    """
    files = [[folder / f"{name}_{side}" for side in (1, 2)] for name in ("ent_ids", "triples", "training_attrs")]
    ids, uris = zip(*(lines.named_ids(lines.content(path), path) for path in files[0]), strict=True)
    shared = np.intersect1d(*ids)
    if len(shared):
        raise SharedIds(f"{files[0][1]}: id {shared[0]} is also in ent_ids_1; the two graphs must not share ids")

    triples = [lines.numbers(lines.content(path), path, 3) for path in files[1]]
    relations, kind = np.unique(np.concatenate(triples)[:, 1], return_inverse=True)
    for side, kinds in enumerate(np.split(kind, [len(triples[0])])):
        ends = positions(triples[side][:, [0, 2]], ids[side], files[1][side])
        triples[side] = np.stack([ends[:, 0], kinds, ends[:, 1]], axis=1)

    path = next((p for p in (folder / "ill_ent_ids", folder / "ref_ent_ids") if os.path.exists(p)), None)
    if path is None:
        raise MissingFile(f"{folder / 'ill_ent_ids'}: this file is missing, and so is ref_ent_ids; get one of them")
    listed = lines.numbers(lines.content(path), path, 2)
    pairs = np.stack([positions(listed[:, side], ids[side], path) for side in (0, 1)], axis=1)

    names = folder / "rel_ids"
    named = lines.relation_names(lines.content(names), names) if os.path.exists(names) else {}
    attributes = [np.empty((0, 2), dtype=np.int64)] * 2
    if present := all(os.path.exists(path) for path in files[2]):
        attributes = _attributes(files[2], uris)
    return Parts(
        *(Side(u, t, a, i) for u, t, a, i in zip(uris, triples, attributes, ids, strict=True)),
        pairs=_distinct(pairs, path),
        relation_names=[named.get(r, str(r)) for r in relations.tolist()],
        pairs_listed=len(listed),
        has_attributes=present,
    )


def positions(wanted: np.ndarray, ids: np.ndarray, path: Path) -> np.ndarray:
    """Place in ``ids`` of every wanted id, in the shape of ``wanted``, whose first axis is the file's lines."""
    order = np.argsort(ids)
    found = order[np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)]
    unknown = ids[found] != wanted
    if unknown.any():
        at = tuple(np.argwhere(unknown)[0])
        raise UnknownId(f"{path}:{at[0] + 1}: id {wanted[at]} is no entity of this graph; mend or drop the line")
    return found


def _distinct(pairs: np.ndarray, path: Path) -> np.ndarray:
    """The pairs in their order, each once."""
    _, first = np.unique(pairs, axis=0, return_index=True)
    if len(first) < len(pairs):
        warn(f"{path}: {len(pairs) - len(first)} pairs are listed again; each is used once")
    pairs = pairs[np.sort(first)]
    shared = [len(pairs) - len(np.unique(column)) for column in pairs.T]
    if any(shared):
        warn(f"{path}: {shared[0]} left and {shared[1]} right entities stand in a second pair; all pairs are kept")
    return pairs


def _attributes(paths: list[Path], uris: list[list[str]]) -> list[np.ndarray]:
    """For each graph int64 ``[A, 2]``: entity and attribute number for every attribute of every line."""
    found, number = [], {}
    for path, known in zip(paths, uris, strict=True):
        row = {uri: i for i, uri in enumerate(known)}
        listed = lines.name_lists(lines.content(path), path)
        ends = [(row[uri], a) for uri, *attributes in listed if uri in row for a in attributes]
        strange = sum(uri not in row for uri, *_ in listed)
        if strange == len(listed):
            raise UnknownId(
                f"{path}: {listed[0][0]} and all others are no entities of this graph; is it another's file?"
            )
        if strange:
            warn(f"{path}: {strange} of {len(listed)} lines name entities that no ent_ids file has; they are left out")
        nameless = sum(not a.strip() for _, a in ends)
        if nameless:
            warn(f"{path}: {nameless} attributes have no name (a tab too many); they are left out")
        ends = [(i, number.setdefault(a, len(number))) for i, a in ends if a.strip()]
        found.append(np.array(ends, dtype=np.int64).reshape(-1, 2))
    return found


def warn(message: str) -> None:
    """Say what was repaired, as a DataWarning that points to the caller's caller."""
    warnings.warn(printable(message), DataWarning, stacklevel=3)
