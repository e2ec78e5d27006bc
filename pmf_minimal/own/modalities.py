"""What two entities are compared by before any match is known: names, numbers in them, values, pictures and features of your own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from pmf_minimal.datasets.assemble import unit
from pmf_minimal.own import candidates, keys
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.stages import Stages
from pmf_minimal.own.words import fold, vectors
from pmf_minimal.scale.cluster import Spread

#: Products for each row of a search beside one by rarer words; of many rows half as many candidates, too.
BESIDE = 1500
#: Entities of each graph that are compared with others of their own.
SAMPLE = 1000
_DIGITS = re.compile(r"(?<!\d)0*(\d+)")


class Sparse:
    """Cosine of sparse vectors of which an entity may have several; the most similar two count.

    Args:
        left, right: sparse ``[rows, W]``, rows of length 1 or 0.
        owners: int64 ``[rows]`` each, ascending: whose row it is.
        rarer: searches the same rows by rarer words, as :func:`candidates.nearest` does; asked where common words are passed over.
    """

    def __init__(
        self,
        left: csr_array,
        right: csr_array,
        owners: Sequence[np.ndarray],
        sizes: tuple[int, int],
        rarer: Callable | None = None,
    ):
        self.sides, self.owners, self.rarer = (left, right), owners, rarer
        self.starts = [np.searchsorted(o, np.arange(n + 1)) for o, n in zip(owners, sizes, strict=True)]
        self.searched: tuple[np.ndarray, np.ndarray] | None = None

    def candidates(self, k: int, told: str | None, spread: Spread = map) -> tuple[np.ndarray, np.ndarray]:
        """Entities of the k most similar rows of each left row; they are searched for once, by ``spread`` in parts."""
        if self.searched is None:
            if self.rarer and candidates.crowded(*self.sides):
                fewer = k // 2 if self.sides[0].shape[0] > candidates.MANY else k
                found = [candidates.nearest(*self.sides, fewer, told, spread, each=BESIDE), self.rarer(k, told, spread)]
            else:
                found = [candidates.nearest(*self.sides, k, told, spread)]
            i, j = candidates.distinct(found, len(self.owners[1]))
            self.searched = self.owners[0][i], self.owners[1][j]
        return self.searched

    def __getstate__(self) -> dict:
        return {**self.__dict__, "rarer": None}  # a search alone needs them, and what is sent to workers compares

    def decoys(self, kinds: Sequence[np.ndarray]) -> list[list[tuple]]:
        """Of each graph :func:`_within`; ``kinds`` says of what kind its entities are, int64 ``[n]``."""
        return [
            _within(x, owner, kind, candidates.nearest, candidates.products)
            for x, owner, kind in zip(self.sides, self.owners, kinds, strict=True)
        ]

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


def _within(x, owner: np.ndarray, kinds: np.ndarray, nearest: Callable, products: Callable) -> list[tuple]:
    """How similar some entities are to the most similar other one of their graph, and to that of their kind.

    Things of different kinds may well be called alike, such as a country and its capital. As the others are fewer within a kind,
    each of the latter counts for so many more.

    Returns:
        Two pairs of float ``[s]``: similarities, and what each counts for.
    """
    some = np.unique(np.linspace(0, len(owner) - 1, SAMPLE).astype(int))
    i, j = nearest(x[some], x, candidates.NEAREST)
    a, b, kind = owner[some[i]], owner[j], kinds[owner]
    found = []
    for other in (a != b, (a != b) & (kinds[a] == kinds[b])):
        best = np.zeros(len(some))
        np.maximum.at(best, i[other], products(x, x, some[i[other]], j[other]))
        found.append(best)
    return [(found[0], np.ones(len(some))), (found[1], len(kind) / np.bincount(kind)[kind[some]])]


def names(graphs: Sequence[Graph]) -> Sparse | None:
    """By all names of an entity, each with each."""
    texts = [[fold(name) for some in graph.names for name in some] for graph in graphs]
    owners = [np.repeat(np.arange(len(graph)), [len(some) for some in graph.names]) for graph in graphs]
    if not all(texts):
        return None
    return Sparse(*vectors(*texts), owners, tuple(map(len, graphs)), partial(keys.by_names, texts))


def values(graphs: Sequence[Graph]) -> Sparse | None:
    """By all literals of an entity together, names too, since what is a name here may be a part of a description there."""
    if not all(len(graph.values) for graph in graphs):
        return None
    texts = [said(graph) for graph in graphs]
    owners = [np.array([i for i, text in enumerate(side) if text], int) for side in texts]
    told = [[text for text in side if text] for side in texts]
    return Sparse(*vectors(*told), owners, tuple(map(len, graphs)), partial(keys.by_values, graphs, owners))


def said(graph: Graph) -> list[str]:
    """All that is said of each entity, folded, names first; each word group once."""
    words: list[list[str]] = [list(map(fold, names)) for names in graph.names]
    for i, value in zip(graph.values["entity"], graph.values["value"], strict=True):
        words[i].append(fold(value))
    return [" ".join(dict.fromkeys(some)) for some in words]


class Digits:
    """By the numbers in two names: how many both have, of all that either has; versions, years and volumes tell things apart."""

    def __init__(self, graphs: Sequence[Graph]):
        found = [[_DIGITS.findall(fold(names[0])) if names else [] for names in graph.names] for graph in graphs]
        column = {word: k for k, word in enumerate(dict.fromkeys(w for side in found for words in side for w in words))}
        self.sides = []
        for side in found:
            ends = np.array([(i, column[w]) for i, words in enumerate(side) for w in set(words)], int).reshape(-1, 2)
            shape = len(side), max(len(column), 1)
            self.sides.append(csr_array((np.ones(len(ends), np.float32), ends.T), shape=shape))

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """As :meth:`Sparse.similarity`; NaN where neither name has a number."""
        counts = [np.diff(side.indptr)[e] for side, e in zip(self.sides, (i, j), strict=True)]
        both = candidates.products(*self.sides, i, j)
        either = counts[0] + counts[1] - both
        return np.where(either > 0, both / np.maximum(either, 1), np.nan).astype(np.float32)


def digits(graphs: Sequence[Graph]) -> Digits | None:
    """:class:`Digits`, if there are any on both sides."""
    found = Digits(graphs)
    return found if all(len(side.data) for side in found.sides) else None


class Dense:
    """Cosine of features of your own, or of pictures.

    Args:
        tables: numbers of each graph, int64 rows of entities and float32 ``[n, d]``.
    """

    def __init__(self, rows: Sequence[np.ndarray], features: Sequence[np.ndarray], sizes: tuple[int, int]):
        self.rows, self.features = rows, [unit(x.copy()) for x in features]
        self.place = [np.full(n, -1) for n in sizes]
        for place, some in zip(self.place, rows, strict=True):
            place[some] = np.arange(len(some))
        self.searched: tuple[np.ndarray, np.ndarray] | None = None

    def candidates(self, k: int, told: str | None, spread: Spread = map) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`Sparse.candidates`, in one part."""
        if self.searched is None:
            i, j = candidates.nearest_dense(*self.features, k)
            self.searched = self.rows[0][i], self.rows[1][j]
        return self.searched

    def decoys(self, kinds: Sequence[np.ndarray]) -> list[list[tuple]]:
        """As :meth:`Sparse.decoys`."""
        return [
            _within(x, rows, kind, candidates.nearest_dense, lambda x, y, i, j: np.einsum("ij,ij->i", x[i], y[j]))
            for x, rows, kind in zip(self.features, self.rows, kinds, strict=True)
        ]

    def similarity(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """As :meth:`Sparse.similarity`."""
        a, b = self.place[0][i], self.place[1][j]
        out = np.full(len(i), np.nan, np.float32)
        both = np.flatnonzero((a >= 0) & (b >= 0))
        for part in np.array_split(both, max(1, len(both) // 2**16)):
            out[part] = np.einsum("ij,ij->i", self.features[0][a[part]], self.features[1][b[part]])
        return out


def features(graphs: Sequence[Graph], name: str) -> Dense:
    """By features of your own that both graphs have."""
    tables = [graph.features[name] for graph in graphs]
    rows = [np.array([g.number[str(e)] for e in t.index], int) for g, t in zip(graphs, tables, strict=True)]
    return Dense(rows, [t.to_numpy(np.float32) for t in tables], tuple(map(len, graphs)))


def images(graphs: Sequence[Graph], device: str, progress: bool, stages: Stages) -> Dense | None:
    """By pictures, if both graphs have some."""
    if not all(graph.images for graph in graphs):
        return None
    from pmf_minimal.datasets import vision  # picture files alone need its extra
    from pmf_minimal.scale.device import pick_device

    rows = [np.array([graph.number[e] for e in graph.images], int) for graph in graphs]

    def seen(k: int) -> np.ndarray:
        files = [*graphs[k].images.values()]
        compute = partial(vision.features, files, device=pick_device(device), progress=progress)
        fits = lambda x: x.dtype == np.float32 and x.ndim == 2 and len(x) == len(files) and np.isfinite(x).all()  # noqa: E731
        return stages(f"pictures-{k}", lambda: (compute().numpy(),), fits)[0]

    return Dense(rows, [seen(0), seen(1)], tuple(map(len, graphs)))
