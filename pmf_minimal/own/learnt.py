"""What two entities are compared by once matches are probable: what is around them, of what kind they are, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from pmf_minimal.own.graph import Graph
from pmf_minimal.own.modalities import Sparse, said
from pmf_minimal.own.words import vectors, weighted
from pmf_minimal.scale.cluster import Spread

#: Properties that are compared as numbers, the commonest of them, and matches that two of them have to go together in.
MAX_NUMERIC, LEAST_VALUES = 50, 10
#: Words around all entities of a graph, or for each where that is more; entities whose words are counted at a time.
MAX_WORDS, FEWEST_WORDS, CHUNK = 10_000_000, 64, 2**14
#: What words and matches two links away count.
SECOND = 0.5


def context(graphs: Sequence[Graph], spread: Spread = map) -> Sparse | None:
    """By the words of names and values of those an entity is linked to, and half as much of those one link further.

    Args:
        spread: what counts the words of some entities.
    """
    own = [said(graph) for graph in graphs]
    if not all(any(side) and len(graph.links) for side, graph in zip(own, graphs, strict=True)):
        return None
    words = vectors(*own, pieces=False)
    return _rows([_words_around(graph, x, spread) for graph, x in zip(graphs, words, strict=True)], graphs)


def words_each(graph: Graph) -> int:
    """Words around an entity that are kept."""
    return max(FEWEST_WORDS, MAX_WORDS // max(len(graph), 1))


def _words_around(graph: Graph, x: csr_array, spread: Spread) -> csr_array:
    """Sparse float32 ``[n, W]``: what every word counts for each entity, some entities at a time; the rarest words of those with very many.

    Args:
        x: sparse ``[n, W]``, the words of each entity.
    """
    x = csr_array((np.ones(len(x.data), np.float32), x.indices, x.indptr), shape=x.shape)
    often, (one, two) = np.bincount(x.indices, minlength=x.shape[1]), graph.reach
    some = [slice(start, start + CHUNK) for start in range(0, len(graph), CHUNK)]
    parts = spread(partial(_around, x, often, words_each(graph)), ((one[part], two[part]) for part in some))
    return csr_array(vstack([*parts], format="csr"))


def _around(x: csr_array, often: np.ndarray, most: int, reach: tuple[csr_array, csr_array]) -> csr_array:
    """Some rows of :func:`_words_around`, of whom the links are given."""
    one, two = reach
    part = (one @ x).tocsr().minimum(1) + (two @ x).tocsr().minimum(1) * SECOND
    counts = np.diff(part.indptr)
    row = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort([often[part.indices], row])
    kept = np.sort(order[np.arange(len(order)) - part.indptr[row] < most])
    starts = np.r_[0, np.cumsum(np.minimum(counts, most))]
    return csr_array((part.data[kept], part.indices[kept], starts), shape=part.shape)


def matches_around(graphs: Sequence[Graph], left: np.ndarray, right: np.ndarray) -> Sparse | None:
    """By the matches around two entities, each of which counts like a word: the one that few are linked to counts much.

    Args:
        left, right: int64 ``[A]``, entities of both graphs that are taken for the same.
    """
    around = []
    for graph, ends in zip(graphs, (left, right), strict=True):
        place = csr_array((np.ones(len(ends), np.float32), (ends, np.arange(len(ends)))), shape=(len(graph), len(ends)))
        one, two = graph.reach
        around.append((one @ place) + (two @ place) * SECOND)
    if not all(len(x.data) for x in around):
        return None
    return _rows(around, graphs)


def _rows(around: Sequence[csr_array], graphs: Sequence[Graph]) -> Sparse:
    """One row for each entity of both graphs; those without any words have nothing to compare."""
    sizes = tuple(map(len, graphs))
    x = weighted(csr_array(vstack(around, format="csr")))
    sides = x[: sizes[0]], x[sizes[0] :]
    owners = [np.flatnonzero(np.diff(side.indptr)) for side in sides]
    return Sparse(*(side[o] for side, o in zip(sides, owners, strict=True)), owners, sizes)


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
            mean = {b: np.nanmean(s) for b, s in close.items() if (~np.isnan(s)).sum() >= LEAST_VALUES}
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


def _numeric(graph: Graph) -> dict[str, np.ndarray]:
    """Property -> float64 ``[n]``, NaN where there is none, of properties whose values are numbers or dates, as a rule."""
    found: dict[str, np.ndarray] = {}
    often = graph.values["attribute"].value_counts()
    often = often[often >= LEAST_VALUES]
    for attribute, rows in graph.values[graph.values["attribute"].isin(often.index)].groupby("attribute", sort=False):
        number = pd.to_numeric(rows["value"], errors="coerce")
        if number.notna().mean() < 0.8:
            dates = pd.to_datetime(rows["value"], errors="coerce", utc=True, format="ISO8601")
            if dates.notna().mean() < 0.8:
                continue
            number = dates.dt.as_unit("s").astype("int64").where(dates.notna()) / 86400
        number = number.astype(float)
        number = number.where(np.isfinite(number))  # 1e999 is infinite
        if number.nunique() < 5:
            continue
        column = np.full(len(graph), np.nan)
        column[rows["entity"].to_numpy()[::-1]] = number.to_numpy(float)[::-1]  # the first of several
        found[attribute] = column
    # Each is compared with each of the other graph.
    return dict(sorted(found.items(), key=lambda item: -int((~np.isnan(item[1])).sum()))[:MAX_NUMERIC])


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
        own = looked_up(*self.own, i * self.width + j)
        chance, n = self.shares[0][a] * self.shares[1][b], self.total - own
        seen = np.maximum(looked_up(code, count, a * n_kinds + b) - own, 0)
        return np.log((seen + self.BELIEVED * chance) / (n + self.BELIEVED) / chance).astype(np.float32)


def looked_up(keys: np.ndarray, values: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The value of each key, keys sorted; 0 where it is not there."""
    if not len(keys):
        return np.zeros(len(key))
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, values[place], 0.0)
