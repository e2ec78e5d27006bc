"""What two entities are compared by: names, values, what they are linked to, features, numbers, and the matches around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, diags_array

from pmf_minimal.own import candidates
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.words import fold, vectors, weighted

#: Entities with more links than this are described by none of them.
MAX_LINKS = 500
#: What words and matches two links away count.
SECOND = 0.5


class Sparse:
    """Cosine of sparse vectors of which an entity may have several; the most similar two count.

    Args:
        left, right: sparse ``[rows, W]``, rows of length 1 or 0.
        owners: int64 ``[rows]`` each, ascending: whose row it is.
    """

    def __init__(self, left: csr_array, right: csr_array, owners: Sequence[np.ndarray], sizes: tuple[int, int]):
        self.sides, self.owners = (left, right), owners
        self.starts = [np.searchsorted(o, np.arange(n + 1)) for o, n in zip(owners, sizes, strict=True)]
        self.searched: tuple[np.ndarray, np.ndarray] | None = None

    def candidates(self, k: int, told: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Entities of the k most similar rows of each left row; they are searched for once."""
        if self.searched is None:
            i, j = candidates.nearest(*self.sides, k, told)
            self.searched = self.owners[0][i], self.owners[1][j]
        return self.searched

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """float32 ``[P]``; NaN where one has nothing to compare."""
        counts = [np.diff(s)[e] for s, e in zip(self.starts, (i, j), strict=True)]
        out = np.full(len(i), np.nan, np.float32)
        each = counts[0] * counts[1]
        for start in range(0, len(i), 2**17):
            part = np.arange(start, min(start + 2**17, len(i)))
            pair = np.repeat(part, each[part])
            if not len(pair):
                continue
            place = np.arange(len(pair)) - np.repeat(np.cumsum(each[part]) - each[part], each[part])
            rows = self.starts[0][i[pair]] + place // counts[1][pair], self.starts[1][j[pair]] + place % counts[1][pair]
            there = part[each[part] > 0]
            first = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
            out[there] = np.maximum.reduceat(candidates.products(*self.sides, *rows), first)
        return out


def _rows(counts: csr_array, sizes: tuple[int, int]) -> Sparse:
    """One row for each entity of both graphs; those without any words have nothing to compare."""
    x = weighted(counts)
    sides = x[: sizes[0]], x[sizes[0] :]
    owners = [np.flatnonzero(np.diff(side.indptr)) for side in sides]
    return Sparse(*(side[o] for side, o in zip(sides, owners, strict=True)), owners, sizes)


def names(graphs: Sequence[Graph]) -> Sparse | None:
    """By all names of an entity, each with each."""
    texts = [[fold(name) for some in graph.names for name in some] for graph in graphs]
    owners = [np.repeat(np.arange(len(graph)), [len(some) for some in graph.names]) for graph in graphs]
    return Sparse(*vectors(*texts), owners, tuple(map(len, graphs))) if all(texts) else None


def values(graphs: Sequence[Graph]) -> Sparse | None:
    """By all other literals of an entity together."""
    texts = [_joined(graph) for graph in graphs]
    if not all(any(side) for side in texts):
        return None
    owners = [np.array([i for i, text in enumerate(side) if text], int) for side in texts]
    return Sparse(*vectors(*([text for text in side if text] for side in texts)), owners, tuple(map(len, graphs)))


def _joined(graph: Graph) -> list[str]:
    words: list[list[str]] = [[] for _ in range(len(graph))]
    for i, value in zip(graph.values["entity"], graph.values["value"], strict=True):
        words[i].append(fold(value))
    return [" ".join(dict.fromkeys(some)) for some in words]


def context(graphs: Sequence[Graph]) -> Sparse | None:
    """By the words of names and values of those an entity is linked to, and half as much of those one link further."""
    own = [
        [" ".join([*map(fold, names), text]).strip() for names, text in zip(graph.names, _joined(graph), strict=True)]
        for graph in graphs
    ]
    if not all(any(side) and len(graph.links) for side, graph in zip(own, graphs, strict=True)):
        return None
    words = vectors(*own, pieces=False)
    around = []
    for graph, x in zip(graphs, words, strict=True):
        x = csr_array((np.ones(len(x.data), np.float32), x.indices, x.indptr), shape=x.shape)
        one, two = reach(graph)
        around.append((one @ x).tocsr().minimum(1) + (two @ x).tocsr().minimum(1) * SECOND)
    return _rows(_stacked(around), tuple(map(len, graphs)))


def reach(graph: Graph) -> tuple[csr_array, csr_array]:
    """Sparse ``[n, n]``: those an entity is linked to, and those two links away; entities with very many links reach none."""
    a = graph.neighbours
    few = diags_array((np.diff(a.indptr) <= MAX_LINKS).astype(np.float32))
    one = csr_array(few @ a)
    two = csr_array(one @ one)
    two.setdiag(0)
    two.eliminate_zeros()
    two.data[:] = 1
    return one, two


def _stacked(sides: Sequence[csr_array]) -> csr_array:
    from scipy.sparse import vstack

    return csr_array(vstack(sides, format="csr"))


def matches_around(graphs: Sequence[Graph], left: np.ndarray, right: np.ndarray) -> Sparse | None:
    """By the matches around two entities, each of which counts like a word: the one that few are linked to counts much.

    Args:
        left, right: int64 ``[A]``, entities of both graphs that are taken for the same.
    """
    around = []
    for graph, ends in zip(graphs, (left, right), strict=True):
        place = csr_array((np.ones(len(ends), np.float32), (ends, np.arange(len(ends)))), shape=(len(graph), len(ends)))
        one, two = reach(graph)
        around.append((one @ place) + (two @ place) * SECOND)
    if not all(len(x.data) for x in around):
        return None
    return _rows(_stacked(around), tuple(map(len, graphs)))


class Dense:
    """Cosine of features of your own, or of pictures.

    Args:
        tables: numbers of each graph, int64 rows of entities and float32 ``[n, d]``.
    """

    def __init__(self, rows: Sequence[np.ndarray], features: Sequence[np.ndarray], sizes: tuple[int, int]):
        self.rows, self.features = (
            rows,
            [x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in features],
        )
        self.place = [np.full(n, -1) for n in sizes]
        for place, some in zip(self.place, rows, strict=True):
            place[some] = np.arange(len(some))
        self.searched: tuple[np.ndarray, np.ndarray] | None = None

    def candidates(self, k: int, told: str | None) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`Sparse.candidates`."""
        if self.searched is None:
            i, j = candidates.nearest_dense(*self.features, k)
            self.searched = self.rows[0][i], self.rows[1][j]
        return self.searched

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """As :meth:`Sparse.similarity`."""
        a, b = self.place[0][i], self.place[1][j]
        out = np.full(len(i), np.nan, np.float32)
        both = np.flatnonzero((a >= 0) & (b >= 0))
        for part in np.array_split(both, max(1, len(both) // 2**16)):
            out[part] = np.einsum("ij,ij->i", self.features[0][a[part]], self.features[1][b[part]])
        return out


class Numbers:
    """By numbers and dates: how few entities of the other graph come as close, over the pairs of properties that go together.

        s(i, j) = sum over pairs of properties (a, b) of -log( share of all y with |y - x_a(i)| <= |x_b(j) - x_a(i)| )

    Which properties go together is learnt from matches: b is to come closest to a there, and much closer than chance.
    """

    def __init__(self, graphs: Sequence[Graph], left: np.ndarray, right: np.ndarray):
        self.columns = [_numeric(graph) for graph in graphs]
        self.sorted = {b: np.sort(y[~np.isnan(y)]) for b, y in self.columns[1].items()}
        self.pairs = []
        for a in self.columns[0]:
            close = {b: self._surprise(a, b, left, right) for b in self.columns[1]}
            mean = {b: np.nanmean(s) for b, s in close.items() if (~np.isnan(s)).sum() >= 10}
            best = max(mean, key=mean.get, default=None)
            if best is not None and mean[best] > 1.5:  # by chance it would be 1
                self.pairs.append((a, best))

    def _surprise(self, a: str, b: str, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        x, y, every = self.columns[0][a][i], self.columns[1][b][j], self.sorted[b]
        distance = np.abs(y - x)
        near = np.searchsorted(every, x + distance, "right") - np.searchsorted(every, x - distance, "left")
        return np.where(np.isnan(distance), np.nan, -np.log(np.maximum(near, 1) / len(every)))

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """As :meth:`Sparse.similarity`."""
        each = np.stack([self._surprise(a, b, i, j) for a, b in self.pairs])
        return np.where(np.isnan(each).all(axis=0), np.nan, np.nansum(each, axis=0)).astype(np.float32)


def features(graphs: Sequence[Graph], name: str) -> Dense:
    """By features of your own that both graphs have."""
    tables = [graph.features[name] for graph in graphs]
    rows = [np.array([g.number[str(e)] for e in t.index], int) for g, t in zip(graphs, tables, strict=True)]
    return Dense(rows, [t.to_numpy(np.float32) for t in tables], tuple(map(len, graphs)))


def images(graphs: Sequence[Graph], device: str, progress: bool) -> Dense | None:
    """By pictures, if both graphs have some."""
    if not all(graph.images for graph in graphs):
        return None
    from pmf_minimal.datasets import vision  # picture files alone need its extra
    from pmf_minimal.scale.device import pick_device

    rows = [np.array([graph.number[e] for e in graph.images], int) for graph in graphs]
    found = [vision.features([*g.images.values()], device=pick_device(device), progress=progress) for g in graphs]
    return Dense(rows, [x.numpy() for x in found], tuple(map(len, graphs)))


def _numeric(graph: Graph) -> dict[str, np.ndarray]:
    """Property -> float64 ``[n]``, NaN where there is none, of properties whose values are numbers or dates, as a rule."""
    found = {}
    for attribute, rows in graph.values.groupby("attribute", sort=False):
        number = pd.to_numeric(rows["value"], errors="coerce")
        if number.notna().mean() < 0.8:
            dates = pd.to_datetime(rows["value"], errors="coerce", utc=True, format="ISO8601")
            if dates.notna().mean() < 0.8:
                continue
            number = dates.astype("int64").where(dates.notna()) / 8.64e13
        if number.nunique() < 5:
            continue
        column = np.full(len(graph), np.nan)
        column[rows["entity"].to_numpy()[::-1]] = number.to_numpy(float)[::-1]  # the first of several
        found[attribute] = column
    return found


class Kinds:
    """By what kind of thing two entities are: how much oftener the two kinds occur together in matches than by chance.

        s(i, j) = log ( (n_ab + c q_a q_b) / (n + c) ) - log q_a q_b

    a and b are the kinds of i and j, q their shares in their graphs, n_ab the probable matches of such kinds but for this one, c what is
    believed beforehand. Nothing is asked of what kinds are called.
    """

    BELIEVED = 2.0

    def __init__(self, graphs: Sequence[Graph], left: np.ndarray, right: np.ndarray, p: np.ndarray):
        self.kinds, self.width = [graph.kinds for graph in graphs], len(graphs[1])
        self.shares = [np.bincount(kind) / len(kind) for kind in self.kinds]
        n_kinds = len(self.shares[1])
        code, place = np.unique(self.kinds[0][left] * n_kinds + self.kinds[1][right], return_inverse=True)
        self.count = code, np.bincount(place, p), n_kinds
        order = np.argsort(key := left * self.width + right)
        self.own, self.total = (key[order], p[order]), p.sum()

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """As :meth:`Sparse.similarity`."""
        a, b = self.kinds[0][i], self.kinds[1][j]
        code, count, n_kinds = self.count
        own = _looked_up(*self.own, i * self.width + j)
        chance, n = self.shares[0][a] * self.shares[1][b], self.total - own
        seen = np.maximum(_looked_up(code, count, a * n_kinds + b) - own, 0)
        return np.log((seen + self.BELIEVED * chance) / (n + self.BELIEVED) / chance).astype(np.float32)


def _looked_up(keys: np.ndarray, values: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The value of each key, keys sorted; 0 where it is not there."""
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, values[place], 0.0)
