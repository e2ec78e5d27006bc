"""Which pairs are worth comparing: for each entity those that are most similar to it, by any of the comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from tqdm import tqdm

#: Candidates of each entity of the smaller graph by one comparison.
NEAREST = 20
#: Products of two weights that a search may take; the commonest words are passed over where it would take more.
MAX_PRODUCTS = 4e9
#: Cells of a block of similarities.
CELLS = 2**24


def nearest(left: csr_array, right: csr_array, k: int, told: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the k largest positive products of each row of ``left`` with the rows of ``right``, int64 ``[P]`` each.

    Args:
        left, right: sparse ``[n, W]`` and ``[n', W]``.
        k: how many of each row.
        told: what the progress bar says; None shows none.
    """
    shared = np.unique(left.indices)  # what the left rows lack is in no product
    left, right = left[:, shared], right[:, shared]
    frequency = np.bincount(left.indices, minlength=left.shape[1]) * np.bincount(right.indices, minlength=left.shape[1])
    order = np.argsort(frequency, kind="stable")
    common = order[np.cumsum(frequency[order].astype(float)) > MAX_PRODUCTS]
    if len(common):
        kept = np.ones(left.shape[1], np.float32)
        kept[common] = 0
        left = csr_array((left.data * kept[left.indices], left.indices, left.indptr), shape=left.shape)
        left.eliminate_zeros()
    turned, rows, columns = right.T.tocsr(), [], []
    size = max(1, CELLS // max(right.shape[0], 1))
    for start in tqdm(range(0, left.shape[0], size), told, disable=told is None, leave=False):
        block = left[start : start + size] @ turned
        for row, (first, last) in enumerate(zip(block.indptr[:-1], block.indptr[1:], strict=True)):
            value, column = block.data[first:last], block.indices[first:last]
            if len(value) > k:
                column = column[np.argpartition(-value, k - 1)[:k]]
            rows.append(np.full(len(column), start + row))
            columns.append(column)
    return np.concatenate([*rows, np.zeros(0, np.int64)]), np.concatenate([*columns, np.zeros(0, np.int64)])


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
