"""From the parts that a reader found to a :class:`GraphPair`, whatever the files were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import numpy as np
import torch

from pmf_minimal.datasets.escape import printable
from pmf_minimal.datasets.files import zero_matrix
from pmf_minimal.datasets.lines import repeated
from pmf_minimal.errors import BadFeatures, DataError, DuplicateId, EmptyFile, SharedIds, UnknownId
from pmf_minimal.graphs import GraphPair


@dataclass
class Side:
    """One of the two graphs. Its n entities are numbered 0 … n - 1, in the order of ``uris``.

    Attributes:
        uris: n strings, what the source calls the entities; each once.
        triples: int ``[E, 3]``: number of the head, number of the relation, number of the tail. Relations
            are numbered for both graphs together. The same triple twice counts twice.
        attributes: int ``[A, 2]``: number of the entity, number of the attribute (also for both graphs
            together). Repetitions count once.
        ids: int ``[n]``, the source's ids, which results show; None where it has none: rows are the ids then.
        names: n strings for people; None takes the last part of each URI.
    """

    uris: Sequence[str]
    triples: np.ndarray
    attributes: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    ids: np.ndarray | None = None
    names: Sequence[str] | None = None


def assemble(
    name: str,
    left: Side,
    right: Side,
    pairs: np.ndarray,
    relation_names: Sequence[str],
    features: Mapping[str, tuple[np.ndarray, np.ndarray | None]] | None = None,
    seed_share: float = 0.3,
    words: int = 1000,
) -> GraphPair:
    """Put two graphs into one index space and make their bags of words (paper, appendix A.4).

    Args:
        name: what messages and results call these graphs.
        left, right: the graphs; their entities become the rows ``0 … n_left - 1`` and ``n_left … N - 1``.
        pairs: int ``[P, 2]``, known pairs: entity number in the left graph, entity number in the right one. May be empty.
        relation_names: name of every relation number that occurs; numbers that no triple has are left out.
        features: further modalities, such as ``image``: modality -> (float ``[N, d]``, left graph first; bool ``[N]``,
            who has the feature). None instead of the mask: everyone whose row is not zero. They are used as they
            are, so scale them before (:func:`unit` for images).
        seed_share: share of the pairs that is customarily known in advance.
        words: length of the bags of relations and attributes, the most frequent of both graphs together.

    Returns:
        The graphs with all known pairs and no split yet. ``relation`` and ``attribute`` are among the modalities where
        there is at least one triple or attribute. A row without its feature is zero, and a zero row is no feature.

    Raises:
        DataError: and always one of its kinds. EmptyFile: a graph without entities. UnknownId: a triple, attribute or
            pair names a number that does not exist. DuplicateId: a URI or id twice in a graph. SharedIds: an id in both
            graphs. BadFeatures: wrong shape, NaN, infinity, or nobody has the feature.
    """
    n = sum(sizes := _check_sides(name, left, right, len(relation_names)))
    _check(pairs, sizes, f"{name}, pairs")
    graphs = GraphPair()
    graphs.name, graphs.seed_share = name, seed_share
    graphs.num_nodes, graphs.n_left = n, sizes[0]
    shift = np.array([sizes[0], 0, sizes[0]])
    triples = np.concatenate([left.triples, right.triples + shift]).astype(np.int64)
    relations, kind = np.unique(triples[:, 1], return_inverse=True)
    edges = np.ascontiguousarray(triples[:, [0, 2]].T)
    graphs.edge_index, graphs.edge_type = torch.from_numpy(edges), torch.from_numpy(kind)
    graphs.relation_names = [relation_names[i] for i in relations.tolist()]
    graphs.pairs = torch.from_numpy(np.asarray(pairs, dtype=np.int64) + [0, sizes[0]])
    graphs.source_ids = torch.from_numpy(_source_ids(name, left, right))
    graphs.uris = [*left.uris, *right.uris]
    graphs.entity_names = [
        printable(label) for side in (left, right) for label in (side.names or [display_name(uri) for uri in side.uris])
    ]

    # Relations count at the head and at the tail alike, as often as they occur.
    relation_ends = np.stack([edges.ravel(), np.tile(kind, 2)], axis=1)
    attribute_ends = np.unique(np.concatenate([left.attributes, right.attributes + [sizes[0], 0]]), axis=0)
    ends = {"relation": relation_ends, "attribute": attribute_ends.astype(np.int64)}
    graphs.features = {m: torch.from_numpy(bag(e, n, words)) for m, e in ends.items() if len(e)}
    graphs.notes = []
    for modality, (x, mask) in (features or {}).items():
        graphs.features[modality] = _usable(x, mask, n, f"{name}, {modality}")
    graphs.masks = {m: torch.from_numpy(x.numpy().any(axis=1)) for m, x in graphs.features.items()}
    return graphs


def bag(ends: np.ndarray, n: int, words: int) -> np.ndarray:
    """float32 ``[n, words or fewer]``: how often each of the most frequent words stands at each entity.

    Args:
        ends: int64 ``[A, 2]``, entity row and word number.
    """
    often = np.bincount(ends[:, 1])
    # Ties in frequency go to the smaller number, so that the columns do not depend on the run.
    frequent = np.argsort(-often, kind="stable")[: min(words, np.count_nonzero(often))]
    column = np.full(len(often), -1)
    column[frequent] = np.arange(len(frequent))
    place = column[ends[:, 1]]
    cells, counts = np.unique(ends[place >= 0, 0] * len(frequent) + place[place >= 0], return_counts=True)
    table = zero_matrix(n, len(frequent), "bags of words")
    table.ravel()[cells] = counts
    return table


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of a float ``[N, d]`` scaled to length 1, in place; zero rows stay zero.

    Images are told apart by direction: a picture's overall brightness in feature space says nothing of its subject.
    """
    # The square of a number above 1.8e19 is infinite, that of a number below 1e-23 is zero.
    largest = np.abs(x).max(axis=1, initial=0)
    extreme = (largest > 0) & ((largest < 1e-10) | (largest > 1e15))
    if extreme.any():
        x[extreme] /= largest[extreme, None]
    rows = torch.from_numpy(x)
    torch.nn.functional.normalize(rows, out=rows)
    return x


def display_name(uri: str) -> str:
    """What people see: the part of a URI after ``/resource/`` or the last slash, with spaces."""
    mark = "/resource/"
    uri = uri.removeprefix("<").removesuffix(">")  # MMKG's way
    tail = uri.split(mark, 1)[1] if mark in uri else uri.rsplit("/", 1)[-1]
    return unquote(tail).replace("_", " ")


def _check_sides(name: str, left: Side, right: Side, relations: int) -> list[int]:
    """How many entities each graph has; errors as :func:`assemble`."""
    for word, side in (("left", left), ("right", right)):
        where, size = f"{name}, {word} graph", len(side.uris)
        if not size:
            raise EmptyFile(f"{where}: it has no entities; give at least one")
        again = repeated(side.uris)
        if again is not None:
            raise DuplicateId(f"{where}: {side.uris[again]} stands for two entities; name each entity once")
        _check(side.triples, (size, relations, size), f"{where}, triples")
        _check(side.attributes, (size, None), f"{where}, attributes")
    return [len(left.uris), len(right.uris)]


def _check(array: np.ndarray, limits: Sequence[int | None], where: str) -> None:
    """Whole numbers, one column for each limit, each from 0 to below its limit."""
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != len(limits) or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{where}: an array {list(array.shape)} of {array.dtype}; give whole numbers [*, {len(limits)}]"
        )
    for column, limit in enumerate(limits):
        bad = (array[:, column] < 0) | (array[:, column] >= (2**31 if limit is None else limit))
        if bad.any():
            line = int(bad.argmax())
            raise UnknownId(
                f"{where}: row {line} has {array[line].tolist()}, numbers end at {limit}; mend or drop the row"
            )


def _source_ids(name: str, left: Side, right: Side) -> np.ndarray:
    """int64 ``[N]``."""
    if left.ids is None or right.ids is None:
        return np.arange(len(left.uris) + len(right.uris))
    for word, side in (("left", left), ("right", right)):
        if len(side.ids) != len(side.uris):
            raise DataError(f"{name}, {word} graph: {len(side.ids)} ids, {len(side.uris)} URIs; give as many of each")
        if len(np.unique(side.ids)) < len(side.ids):
            raise DuplicateId(f"{name}, {word} graph: an id stands for two entities; use each once")
    both = np.intersect1d(left.ids, right.ids)
    if len(both):
        raise SharedIds(f"{name}: id {both[0]} is in both graphs; the two graphs must not share ids")
    return np.concatenate([left.ids, right.ids]).astype(np.int64)


def _usable(x: np.ndarray, mask: np.ndarray | None, n: int, where: str) -> torch.Tensor:
    """float32 ``[N, d]``, zero where the feature is missing."""
    x = np.asarray(x, dtype=np.float32)
    if x.ndim != 2 or len(x) != n or not x.shape[1]:
        raise BadFeatures(
            f"{where}: an array {list(x.shape)}; give one row for each of the {n} entities, left graph first"
        )
    if mask is not None:
        mask = np.asarray(mask, dtype=bool)
        if mask.shape != (n,):
            raise BadFeatures(f"{where}: a mask {list(mask.shape)}; give one value for each of the {n} entities")
        if x[~mask].any():
            x = np.where(mask[:, None], x, np.float32(0))
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise BadFeatures(f"{where}: row {bad.argmax()} holds NaN or infinity; drop the feature or compute it again")
    if not x.any():
        raise BadFeatures(f"{where}: no entity has a feature that is not zero; leave the modality out")
    return torch.from_numpy(x)
