"""The formulas' inner sums, computed fast: gradients by hand, sparse products, blocks of rows.

Each function says which plain expression it equals; ``losses``, ``relevance`` and ``encoders`` show the formulas.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

#: Numbers in a block: 64 MB in float32. Larger blocks are no faster.
CELLS = 2**24
#: From this many similarities on, the gradient of their sums is taken by hand.
LARGE = 2**22
#: Rows of them that stay in the processor's cache meanwhile.
ROWS = 128


def row_slices(rows: int, width: int) -> list[slice]:
    """Slices of rows of so many numbers, each within ``CELLS`` (but of one row at least)."""
    step = max(1, CELLS // max(1, width))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def best_products(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Largest dot product of every left row ``[n]`` and of every right row ``[n']``: ``(left @ right.T).amax`` over each axis."""
    of_rows = left.new_empty(len(left))
    of_columns = right.new_full((len(right),), -torch.inf)
    slices = row_slices(len(left), len(right))
    # One place for all blocks: the system would zero fresh memory each time.
    place = left.new_empty(slices[0].stop if slices else 0, len(right))
    for rows in slices:
        block = torch.mm(left[rows], right.T, out=place[: rows.stop - rows.start])
        of_rows[rows] = block.amax(dim=1)
        of_columns = torch.maximum(of_columns, block.amax(dim=0))
    return of_rows, of_columns


def exp_similarities(a: Tensor, b: Tensor, temperature: float, without_self: bool = False) -> Tensor:
    """exp(a_i · b_j / tau - 1/tau), ``[n, n']``, for rows of unit length; 0 on the diagonal if ``without_self``.

    The product is taken in the vectors' own precision, all that follows at least in float32.
    """
    if a.dtype == torch.bfloat16:
        shifted = (a @ b.T).float().sub_(1).div_(temperature)
    else:
        shifted = torch.addmm(a.new_tensor(-1 / temperature), a, b.T, alpha=1 / temperature)
    # In place: the n x n' matrix is by far the largest thing in a step.
    if without_self:
        shifted.fill_diagonal_(-torch.inf)
    return shifted.exp_()


def sums_of_exp(a: Tensor, b: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Sums of :func:`exp_similarities` over each row ``[n]`` and each column ``[n']``."""
    if len(a) * len(b) <= LARGE or torch.compiler.is_compiling():
        similarities = exp_similarities(a, b, temperature)
        return similarities.sum(dim=1), similarities.sum(dim=0)
    return _Sums.apply(a, b, temperature)


def sums_of_exp_among(a: Tensor, temperature: float) -> Tensor:
    """Sum over each row of :func:`exp_similarities` to the other rows of the same matrix, ``[n]``."""
    if len(a) ** 2 <= LARGE or torch.compiler.is_compiling():
        return exp_similarities(a, a, temperature, without_self=True).sum(dim=1)
    return _OwnSums.apply(a, temperature)


def _factors(similarities: Tensor, rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of (rows_i + columns_j) · similarities_ij, which never exist as a whole."""
    # A GPU prefers one large piece; there the matrix has room.
    step = ROWS if similarities.device.type == "cpu" else len(similarities)
    for start in range(0, len(similarities), step):
        block = slice(start, start + step)
        yield block, (rows[block, None] + columns).mul_(similarities[block]).to(dtype)


class _Sums(torch.autograd.Function):
    """:func:`sums_of_exp` with a backward that passes once over the matrix, where autograd does so for each operation."""

    @staticmethod
    def forward(ctx, a, b, temperature):
        similarities = exp_similarities(a, b, temperature)
        ctx.save_for_backward(a, b, similarities)
        ctx.temperature = temperature
        return similarities.sum(dim=1), similarities.sum(dim=0)

    @staticmethod
    def backward(ctx, rows, columns):
        a, b, similarities = ctx.saved_tensors
        d_a, d_b = torch.empty_like(a), torch.zeros_like(b)
        for block, factors in _factors(similarities, rows, columns, a.dtype):
            torch.mm(factors, b, out=d_a[block])
            d_b.addmm_(factors.T, a[block])
        return d_a / ctx.temperature, d_b / ctx.temperature, None


class _OwnSums(torch.autograd.Function):
    """:func:`sums_of_exp_among`; the matrix is symmetric, so one product gives what autograd needs two for."""

    @staticmethod
    def forward(ctx, a, temperature):
        similarities = exp_similarities(a, a, temperature, without_self=True)
        ctx.save_for_backward(a, similarities)
        ctx.temperature = temperature
        return similarities.sum(dim=1)

    @staticmethod
    def backward(ctx, rows):
        a, similarities = ctx.saved_tensors
        d_a = torch.empty_like(a)
        for block, factors in _factors(similarities, rows, rows, a.dtype):
            torch.mm(factors, a, out=d_a[block])
        return d_a / ctx.temperature, None


# PyTorch calls its sparse CSR tensors a beta feature, once per process; the two products used here are tested.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


def csr(rowptr: Tensor, col: Tensor, values: Tensor) -> Tensor:
    """A square sparse matrix from its rows' pointers ``[N + 1]``, columns ``[E]`` and values ``[E]``."""
    n = len(rowptr) - 1
    return torch.sparse_csr_tensor(rowptr, col, values, (n, n), check_invariants=False)


class WeightedSum(torch.autograd.Function):
    """out_i = sum over j of alpha_ij x_j as a product of sparse and dense, in both passes.

    Autograd's own backward of that product would form the dense N x N gradient of the sparse factor. Here the
    gradient of alpha is taken at the edges only, and the sum's transpose is a sparse product again.
    """

    @staticmethod
    def forward(ctx, alpha, x, rowptr, col, reverse):
        ctx.save_for_backward(alpha, x, rowptr, col, reverse)
        return csr(rowptr, col, alpha) @ x

    @staticmethod
    def backward(ctx, grad):
        alpha, x, rowptr, col, reverse = ctx.saved_tensors
        # d alpha_ij = grad_i . x_j at the edges
        pattern = csr(rowptr, col, torch.zeros_like(alpha))
        d_alpha = torch.sparse.sampled_addmm(pattern, grad, x.T, beta=0.0).values()
        # d x_j = sum over i of alpha_ij grad_i; reverse[(i, j)] is the position of edge (j, i)
        d_x = csr(rowptr, col, alpha[reverse]) @ grad
        return d_alpha, d_x, None, None, None
