"""Scores of all pairs of entities, a block of rows at a time, for graphs whose similarities do not fit into memory.

What fits into one block is computed in one piece, to the last digit as ``matching`` does.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.scale import kernels
from pmf_minimal.scale.kernels import row_slices


class PairScores(ABC):
    """How well each left entity goes with each right one, of which any block can be had.

    A kind of score computes blocks and single cells before CSLS, which this class applies: it takes from every cell what
    belongs to its row and its column, and these means are found by one pass per round.

    Args:
        left, right: float ``[n, ·]`` and ``[n', ·]``, all that the scores of a row or a column are computed from.
        csls_k, csls_rounds: neighbours of CSLS, and how often it is applied.

    Attributes:
        shape: (n, n').
        means: for every round of CSLS, what it takes from the rows ``[n]`` and from the columns ``[n']``.
        products: whether scores are plain products, so that an index of near neighbours finds the best of them.
        explains: whether ``by_modality`` says what each modality contributes, and ``confidence`` how probable a pair is.
        temperature: of Sinkhorn's plan, in units of the score.
    """

    products = explains = False
    temperature = 0.05

    def __init__(self, left: Tensor, right: Tensor, csls_k: int = 3, csls_rounds: int = 0):
        self.left, self.right, self.shape = left, right, (len(left), len(right))
        self.means: list[tuple[Tensor, Tensor]] = []
        for _ in range(csls_rounds):
            of_rows, of_columns = self._neighbours(csls_k)
            if self.fits_in_block:  # then it is at hand already
                self.dense = self.dense.mul_(2).sub_(of_rows[:, None]).sub_(of_columns)
            self.means.append((of_rows, of_columns))

    @abstractmethod
    def raw_block(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores before CSLS, float ``[b, b']``, of some rows of ``left`` and ``right``; into ``out`` if that is given."""

    @abstractmethod
    def raw_pairs(self, left: Tensor, right: Tensor) -> Tensor:
        """Scores before CSLS, float ``[P]``, of rows that belong together."""

    @property
    def fits_in_block(self) -> bool:
        """Whether all of it fits into one block."""
        return self.shape[0] * self.shape[1] <= kernels.CELLS

    @cached_property
    def dense(self) -> Tensor:
        """float ``[n, n']``, where there is room for it."""
        return self._compute(slice(None), slice(None))

    @property
    def T(self) -> PairScores:
        """Right against left."""
        means = [(columns, rows) for rows, columns in self.means]
        return self._view(self.right, self.left, means, lambda dense: dense.T)

    def subset(self, rows: Tensor | slice, columns: Tensor | slice) -> PairScores:
        """Those of some rows and columns; neighbours remain what they are among all."""
        means = [(of_rows[rows], of_columns[columns]) for of_rows, of_columns in self.means]
        return self._view(self.left[rows], self.right[columns], means, lambda dense: dense[rows][:, columns])

    def _view(self, left: Tensor, right: Tensor, means: list, cut: Callable[[Tensor], Tensor]) -> PairScores:
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
            yield from self.blocks()

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """As iterating does, but computed anew even where all of it is at hand."""
        # One place for all blocks: the system would zero fresh memory each time, and not always use its gaps again.
        place = None
        for rows in row_slices(*self.shape):
            if place is None:
                place = self.left.new_empty(rows.stop, self.shape[1])
            yield rows, self._compute(rows, slice(None), place[: rows.stop - rows.start])

    def pairs(self, rows: Tensor, columns: Tensor) -> Tensor:
        """float ``[P]``: the cells of the given rows and columns."""
        s = self.raw_pairs(self.left[rows], self.right[columns])
        for of_rows, of_columns in self.means:
            s = 2 * s - of_rows[rows] - of_columns[columns]
        return s

    def _compute(self, rows: Tensor | slice, columns: Tensor | slice, out: Tensor | None = None) -> Tensor:
        s = self.raw_block(self.left[rows], self.right[columns], out)
        for of_rows, of_columns in self.means:
            s = s.mul_(2).sub_(of_rows[rows, None]).sub_(of_columns[columns])
        return s

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


class Similarities(PairScores):
    """:func:`matching.similarity` of two sets of vectors.

    Args:
        left, right, kind, csls_k, csls_rounds: as for :func:`matching.similarity`.
    """

    def __init__(self, left: Tensor, right: Tensor, kind: str = "cosine", csls_k: int = 3, csls_rounds: int = 0):
        self.distance, self.products = kind == "euclidean", kind != "euclidean"
        left, right = (normalize(left), normalize(right)) if kind == "cosine" else (left, right)
        super().__init__(left, right, csls_k, csls_rounds)

    def raw_block(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        return -torch.cdist(left, right) if self.distance else torch.mm(left, right.T, out=out)

    def raw_pairs(self, left: Tensor, right: Tensor) -> Tensor:
        return -(left - right).norm(dim=1) if self.distance else (left * right).sum(dim=1)

    def pairs(self, rows: Tensor, columns: Tensor) -> Tensor:
        return self.dense[rows, columns] if self.fits_in_block else super().pairs(rows, columns)
