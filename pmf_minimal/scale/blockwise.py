"""The same as ``alignment.py`` for graphs whose similarities do not fit into memory: a block of rows at a time.

What fits into one block is computed in one piece, to the last digit as ``alignment.py`` does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal import matching, metrics
from pmf_minimal.errors import DataError
from pmf_minimal.scale import approximate
from pmf_minimal.scale.memory import check_optimal

#: Numbers in a block: 64 MB in float32. Time does not fall any more with larger ones.
CELLS = 2**24


def row_slices(rows: int, width: int) -> list[slice]:
    """Slices of so many rows of so many numbers, each within ``CELLS`` (but of one row at least)."""
    step = max(1, CELLS // max(1, width))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


class Similarities:
    """:func:`matching.similarity` of two sets of vectors, of which any block of rows can be had.

    CSLS takes from every cell what belongs to its row and its column; these means are found by one pass per round.

    Args:
        left, right, kind, csls_k, csls_rounds: as for :func:`matching.similarity`.

    Attributes:
        shape: (n, n').
    """

    def __init__(self, left: Tensor, right: Tensor, kind: str = "cosine", csls_k: int = 3, csls_rounds: int = 0):
        self.left, self.right = (normalize(left), normalize(right)) if kind == "cosine" else (left, right)
        self.kind, self.shape = kind, (len(left), len(right))
        self.means: list[tuple[Tensor, Tensor]] = []
        self._correct(csls_k, csls_rounds)

    @property
    def fits_in_block(self) -> bool:
        """Whether all of it fits into one block."""
        return self.shape[0] * self.shape[1] <= CELLS

    @cached_property
    def dense(self) -> Tensor:
        """float ``[n, n']``, for those who can afford it."""
        return self._compute(slice(None), slice(None))

    @property
    def T(self) -> Similarities:
        """Right against left."""
        means = [(columns, rows) for rows, columns in self.means]
        return self._view(self.right, self.left, means, lambda whole: whole.T)

    def subset(self, rows: Tensor | slice, columns: Tensor | slice) -> Similarities:
        """Those of some rows and columns; neighbours remain what they are among all."""
        means = [(of_rows[rows], of_columns[columns]) for of_rows, of_columns in self.means]
        return self._view(self.left[rows], self.right[columns], means, lambda whole: whole[rows][:, columns])

    def _view(self, left: Tensor, right: Tensor, means: list, cut: Callable[[Tensor], Tensor]) -> Similarities:
        other = copy.copy(self)
        other.__dict__.pop("dense", None)
        other.left, other.right, other.means = left, right, means
        other.shape = (len(left), len(right))
        if self.fits_in_block:
            other.dense = cut(self.dense)
        return other

    def block(self, rows: Tensor | slice, columns: Tensor | slice = slice(None)) -> Tensor:
        """float ``[len(rows), len(columns)]``."""
        return self.dense[rows][:, columns] if self.fits_in_block else self._compute(rows, columns)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        """Slices of rows, each with its block ``[len(rows), n']``, which the next one overwrites."""
        if self.fits_in_block:
            yield slice(0, self.shape[0]), self.dense
        else:
            yield from self._blocks()

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        # One place for all blocks: fresh memory would be zeroed by the system each time, and its gaps not always used again.
        place = None
        for rows in row_slices(*self.shape):
            if place is None:
                place = self.left.new_empty(rows.stop, self.shape[1])
            yield rows, self._compute(rows, slice(None), place[: rows.stop - rows.start])

    def pairs(self, rows: Tensor, columns: Tensor) -> Tensor:
        """float ``[P]``: the cells of the given rows and columns."""
        if self.fits_in_block:
            return self.dense[rows, columns]
        left, right = self.left[rows], self.right[columns]
        s = -(left - right).norm(dim=1) if self.kind == "euclidean" else (left * right).sum(dim=1)
        for of_rows, of_columns in self.means:
            s = 2 * s - of_rows[rows] - of_columns[columns]
        return s

    def _compute(self, rows: Tensor | slice, columns: Tensor | slice, out: Tensor | None = None) -> Tensor:
        left, right = self.left[rows], self.right[columns]
        s = -torch.cdist(left, right) if self.kind == "euclidean" else torch.mm(left, right.T, out=out)
        for of_rows, of_columns in self.means:
            s = s.mul_(2).sub_(of_rows[rows, None]).sub_(of_columns[columns])
        return s

    def _correct(self, k: int, rounds: int) -> None:
        """Find what CSLS takes from every cell."""
        for _ in range(rounds):
            of_rows, of_columns = self._neighbours(k)
            if self.fits_in_block:  # then it is at hand already
                self.dense = self.dense.mul_(2).sub_(of_rows[:, None]).sub_(of_columns)
            self.means.append((of_rows, of_columns))

    def _neighbours(self, k: int) -> tuple[Tensor, Tensor]:
        """Mean of the k best of every row ``[n]`` and of every column ``[n']``."""
        rows = self.left.new_empty(self.shape[0])
        best = self.left.new_full((min(k, self.shape[0]), self.shape[1]), -torch.inf)  # of every column so far
        for part, block in self:
            rows[part] = block.topk(min(k, self.shape[1]), dim=1).values.mean(dim=1)
            # Few columns get anything new from a block, and a maximum is cheaper than the k best.
            new = (block.amax(dim=0) > best[-1]).nonzero().ravel()
            now = block[:, new].topk(min(k, len(block)), dim=0).values
            best[:, new] = torch.cat([best[:, new], now]).topk(len(best), dim=0).values
        return rows, best.mean(dim=0)


def count_better_and_tied(similarities: Similarities, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`metrics.count_better_and_tied` of the given pairs, int64 ``[P]`` each, among all columns."""
    better, equal = torch.empty_like(rows), torch.empty_like(rows)
    for part, block in similarities.subset(rows, slice(None)):
        better[part], equal[part] = metrics.count_better_and_tied(block, columns[part])
    return better, equal


def match(similarities: Similarities, how: str = "greedy") -> Tensor:
    """:func:`matching.match`, int64 ``[P, 2]``; only ``optimal`` needs the whole matrix.

    Raises:
        DataError: there is no room for it, and the message says for how many there is; or ``approximate`` lacks faiss.
    """
    if how == "approximate":
        return _approximate(similarities)
    if how == "optimal":
        check_optimal(*similarities.shape)
    if similarities.fits_in_block or how == "optimal":
        return matching.match(similarities.dense, how)
    known = {"greedy": greedy, "greedy_in_order": greedy_in_order, "mutual": mutual, "row": best_of_each_row}
    return known[how](similarities)


def _approximate(similarities: Similarities) -> Tensor:
    """Greedy among the nearest neighbours that an index finds; CSLS counts, but does not choose them."""
    if similarities.kind not in ("cosine", "dot"):
        raise DataError(
            f"matching=approximate looks for large dot products, and these are compared by {similarities.kind}: "
            "set similarity=cosine or dot, and fusion to anything but evidence"
        )
    pairs = approximate.candidates(similarities.left, similarities.right)
    values = torch.cat([similarities.pairs(*some.T) for some in pairs.split(CELLS // similarities.left.shape[1])])
    return approximate.greedy(pairs, values)


def best_of_each_row(similarities: Similarities) -> Tensor:
    """Every row with its most similar column, int64 ``[n, 2]``."""
    column = torch.empty(similarities.shape[0], dtype=torch.long, device=similarities.left.device)
    for rows, block in similarities:
        column[rows] = block.argmax(dim=1)
    return torch.stack([torch.arange(len(column), device=column.device), column], dim=1)


def mutual(similarities: Similarities) -> Tensor:
    """:func:`matching.mutual` by one pass."""
    column, _, row, _ = _best(similarities)
    rows = torch.arange(len(column), device=column.device)
    both = row[column] == rows
    return torch.stack([rows[both], column[both]], dim=1)


def greedy_in_order(similarities: Similarities) -> Tensor:
    """:func:`matching.greedy_in_order`, block after block."""
    count, device = min(similarities.shape), similarities.left.device
    column = torch.empty(count, dtype=torch.long, device=device)
    taken = torch.zeros(similarities.shape[1], dtype=torch.bool, device=device)
    for rows, block in similarities:
        rows = slice(rows.start, min(rows.stop, count))
        if rows.start < count:
            block = block[: rows.stop - rows.start].masked_fill(taken, -torch.inf)
            column[rows] = matching.greedy_in_order(block)[:, 1]
            taken[column[rows]] = True
    return torch.stack([torch.arange(count, device=device), column], dim=1)


def greedy(similarities: Similarities) -> Tensor:
    """:func:`matching.greedy` with memory that grows with n + n'.

    Every entity knows its best among those of the other side that are free. A round takes all pairs that are each other's
    best; then only those look again whose best was taken.
    """
    s, device = (similarities, similarities.T), similarities.left.device
    best_column, column_value, best_row, row_value = _best(similarities)
    best, value = [best_column, best_row], [column_value, row_value]
    free = [torch.ones(n, dtype=torch.bool, device=device) for n in similarities.shape]
    found = []
    while free[0].any() and free[1].any():
        rows = free[0].nonzero().ravel()
        pairs = rows[best[1][best[0][rows]] == rows]
        if not len(pairs):
            # One product is not always rounded like another: ties can then chase each other. The best of all goes first.
            pairs = rows[value[0][rows].argmax()].reshape(1)
        columns = best[0][pairs]
        found.append(torch.stack([pairs, columns], dim=1))
        free[0][pairs], free[1][columns] = False, False
        for side, other in ((0, 1), (1, 0)):
            needs_rematch = (free[side] & ~free[other][best[side]]).nonzero().ravel()
            candidates = free[other].nonzero().ravel()
            if len(candidates):
                for part in row_slices(len(needs_rematch), len(candidates)):
                    again = s[side].block(needs_rematch[part], candidates).max(dim=1)
                    best[side][needs_rematch[part]] = candidates[again.indices]
                    value[side][needs_rematch[part]] = again.values
    matches = torch.cat(found)
    return matches[matches[:, 0].argsort()]


def _best(similarities: Similarities) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Best column of every row and its similarity ``[n]``, best row of every column and its similarity ``[n']``."""
    of_rows, of_columns = (similarities.left.new_full((n,), -torch.inf) for n in similarities.shape)
    column, row = (torch.zeros(len(x), dtype=torch.long, device=x.device) for x in (of_rows, of_columns))
    for rows, block in similarities:
        of_rows[rows], column[rows] = block.max(dim=1)
        better = (block.amax(dim=0) > of_columns).nonzero().ravel()  # among equals the lower row stays
        down = block[:, better].max(dim=0)
        row[better], of_columns[better] = down.indices + rows.start, down.values
    return column, of_rows, row, of_columns
