"""Which pairs are worth comparing: for each entity those that are most similar to it, by any of the comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from tqdm import tqdm

from pmf_minimal.scale.cluster import Spread

#: Candidates of each entity of the smaller graph by one comparison.
NEAREST = 20
#: Where there are more entities than this, those after the first few have to be so much of the best one.
MANY, FEW, WORTH = 50_000, 5, 0.6
#: Products of two weights that a search may take in all, or for each row where that is more; the commonest words are passed over where
#: it would take more.
MAX_PRODUCTS, EACH = 2e8, 6000
#: Cells, or products, of a block of similarities.
CELLS = 2**24


def nearest(
    left: csr_array,
    right: csr_array,
    k: int,
    told: str | None = None,
    spread: Spread = map,
    *,
    each: int | None = None,
    worth: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the k largest positive products of each row of ``left`` with the rows of ``right``, int64 ``[P]`` each.

    Args:
        left, right: sparse ``[n, W]`` and ``[n', W]``.
        k: how many of each row.
        told: what the progress bar says; None shows none.
        spread: what computes the blocks.
        each: products for each row, at most, where there are many rows; None as many as ``EACH``.
        worth: so much of its best one a row's candidates after the first few have to be, where there are many rows; None as
            much as ``WORTH``, 0 all are kept.
    """
    words, often = _rarest(left, right, max(MAX_PRODUCTS, (each or EACH) * left.shape[0]))
    left, turned = left[:, words], right[:, words].T.tocsr()
    products = np.r_[0, np.cumsum(often[left.indices])][left.indptr]
    edges = np.searchsorted(products, np.arange(0, products[-1] + CELLS, CELLS), "right") - 1
    edges = np.unique(np.r_[0, edges, left.shape[0]]).tolist()
    worth = 0 if left.shape[0] <= MANY else WORTH if worth is None else worth
    search = partial(_nearest, turned, k, worth)
    blocks = spread(search, (left[start:stop] for start, stop in pairwise(edges)))
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start, (row, column) in zip(
        edges, tqdm(blocks, told, len(edges) - 1, leave=False, disable=told is None), strict=False
    ):
        rows.append(row + start)
        columns.append(column)
    return np.concatenate(rows), np.concatenate(columns)


def crowded(left: csr_array, right: csr_array) -> bool:
    """Whether :func:`nearest` passes over the commonest words."""
    return _frequency(left, right)[1].sum(dtype=float) > max(MAX_PRODUCTS, EACH * left.shape[0])


def _rarest(left: csr_array, right: csr_array, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """int64 ``[W']``: the rarest words that both have, ascending, of no more products than a limit, and in how many right rows each is."""
    often, frequency = _frequency(left, right)
    words = np.flatnonzero(frequency)
    order = words[np.argsort(frequency[words], kind="stable")]
    words = np.sort(order[np.cumsum(frequency[order], dtype=float) <= limit])
    return words, often[words]


def _frequency(left: csr_array, right: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """int64 ``[W]``: in how many right rows each word is, and how many products it takes."""
    often = np.bincount(right.indices, minlength=left.shape[1])
    return often, np.bincount(left.indices, minlength=left.shape[1]) * often


def _nearest(turned: csr_array, k: int, worth: float, left: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """The same for some rows.

    Args:
        turned: sparse ``[W, n']``.
        worth: as there; 0 leaves none out.
    """
    block = left @ turned
    kept = []
    for first, last in pairwise(block.indptr.tolist()):
        if last - first > k:
            kept.append(first + np.argpartition(-block.data[first:last], k - 1)[:k])
        else:
            kept.append(np.arange(first, last))
    row, place = np.repeat(np.arange(len(kept)), list(map(len, kept))), np.concatenate(kept)
    if worth:
        row, place = _worth(row, place, block.data, worth)
    return row, block.indices[place]


def _worth(row: np.ndarray, place: np.ndarray, values: np.ndarray, worth: float) -> tuple[np.ndarray, np.ndarray]:
    """Those of the places, sorted by row, that are among the first ``FEW`` of their row by value, or near enough to the first."""
    order = np.lexsort([-values[place], row])
    row, place = row[order], place[order]
    new = np.r_[True, row[1:] != row[:-1]] if len(row) else np.zeros(0, bool)
    start = np.flatnonzero(new)[np.cumsum(new) - 1]
    good = (np.arange(len(row)) - start < FEW) | (values[place] >= worth * values[place[start]])
    return row[good], place[good]


def nearest_dense(left: np.ndarray, right: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for dense features ``[n, d]`` and ``[n', d]``."""
    rows, columns = [], []
    for start, block in _blocks(left, right):
        column = np.argpartition(-block, min(k, block.shape[1]) - 1, axis=1)[:, :k]
        rows.append(np.repeat(np.arange(start, start + len(block)), column.shape[1]))
        columns.append(column.ravel())
    return np.concatenate([*rows, np.zeros(0, np.int64)]), np.concatenate([*columns, np.zeros(0, np.int64)])


def _blocks(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, CELLS // max(len(right), 1))
    for start in range(0, len(left) if len(right) else 0, size):
        yield start, left[start : start + size] @ right.T


def products(left: csr_array, right: csr_array, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """float32 ``[P]``: products of the given rows, a block at a time."""
    out = np.empty(len(i), np.float32)
    for start in range(0, len(i), 2**17):
        part = slice(start, start + 2**17)
        out[part] = left[i[part]].multiply(right[j[part]]).sum(axis=1)
    return out


def distinct(pairs: list[tuple[np.ndarray, np.ndarray]], n_right: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs, each once, sorted."""
    keys = np.unique(np.concatenate([i.astype(np.int64) * n_right + j for i, j in pairs]))
    return keys // n_right, keys % n_right


def marked(keys: np.ndarray, some: np.ndarray) -> np.ndarray:
    """bool ``[P]``: which of the sorted keys are among some others, which are few."""
    out, place = np.zeros(len(keys), bool), np.searchsorted(keys, some)
    inside = place < len(keys)
    place, some = place[inside], some[inside]
    out[place[keys[place] == some]] = True
    return out
