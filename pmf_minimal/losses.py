"""Contrastive losses: across graphs (L_CKG) and across modalities (L_CM) (paper, section 3.4).

All vectors have unit length, so every similarity is at most 1/tau and exp(similarity - 1/tau) at most 1: the sums below cannot
overflow, and no maximum has to be searched first. Losses are means per anchor, so that their proportion does not
depend on the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def _similarities(a: Tensor, b: Tensor, temperature: float, without_self: bool = False) -> Tensor:
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


#: From this many similarities on, the gradient of their sums is taken by hand.
LARGE = 2**22
#: Rows of them that stay in the processor's cache meanwhile.
ROWS = 128


def _sums(a: Tensor, b: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Sums of :func:`_similarities` over each row ``[n]`` and each column ``[n']``."""
    if len(a) * len(b) <= LARGE or torch.compiler.is_compiling():
        similarities = _similarities(a, b, temperature)
        return similarities.sum(dim=1), similarities.sum(dim=0)
    return _Sums.apply(a, b, temperature)


def _own_sums(a: Tensor, temperature: float) -> Tensor:
    """Sum over each row of how similar it is to the others, ``[n]``."""
    if len(a) ** 2 <= LARGE or torch.compiler.is_compiling():
        return _similarities(a, a, temperature, without_self=True).sum(dim=1)
    return _OwnSums.apply(a, temperature)


def _factors(similarities: Tensor, rows: Tensor, columns: Tensor, dtype: torch.dtype):
    """Blocks of (rows_i + columns_j) · similarities_ij, which nobody ever sees as a whole."""
    # A GPU prefers one large piece; there the matrix has room.
    step = ROWS if similarities.device.type == "cpu" else len(similarities)
    for start in range(0, len(similarities), step):
        block = slice(start, start + step)
        yield block, (rows[block, None] + columns).mul_(similarities[block]).to(dtype)


class _Sums(torch.autograd.Function):
    """:func:`_sums` with a backward that passes once over the matrix, where autograd does so for each operation."""

    @staticmethod
    def forward(ctx, a, b, temperature):
        similarities = _similarities(a, b, temperature)
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
    """:func:`_own_sums`; the matrix is symmetric, so one product gives what autograd needs two for."""

    @staticmethod
    def forward(ctx, a, temperature):
        similarities = _similarities(a, a, temperature, without_self=True)
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


def _hits(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """a_i · b_i / tau - 1/tau, ``[n]``: the diagonal of what :func:`_similarities` takes the exponential of."""
    precise = torch.promote_types(a.dtype, torch.float32)
    return ((a.to(precise) * b.to(precise)).sum(dim=1) - 1) / temperature


def log_matches(left: Tensor, right: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """How well each pair of a batch finds each other.

    Eq. (12)  l_CKG(e_i, e_j) = exp(h_i·h_j / tau) / ( exp(h_i·h_j / tau) + sum over negatives k of exp(h_i·h_k / tau) )

    The negatives of e_i are the other entities of the batch: the other graph's but e_j, and its own graph's but e_i.

    Args:
        left, right: float ``[P, d]``; row p of both is one pair.
        temperature: tau.

    Returns:
        log l_CKG from left to right and from right to left, float ``[P]`` each.
    """
    left, right = normalize(left), normalize(right)
    rows, columns = _sums(left, right, temperature)
    own_left, own_right = _own_sums(left, temperature), _own_sums(right, temperature)
    # log exp(h_i·h_j / tau) without the detour, minus the log of the denominator; both shifted by 1/tau
    hit = _hits(left, right, temperature)
    return hit - torch.log(rows + own_left), hit - torch.log(columns + own_right)


def alignment_loss(left: Tensor, right: Tensor, temperature: float, symmetric: str = "joint") -> Tensor:
    """Loss of every pair in one modality, or in the joint embedding.

    Eq. (13)  L_CKG = sum over m in M+, sum over (e_i, e_j) in S of -1/2 log( l_CKG(e_i^m, e_j^m) + l_CKG(e_j^m, e_i^m) )

    Args:
        left, right: float ``[P, d]``; row p of both is one pair.
        temperature: tau.
        symmetric: ``joint`` as printed, or ``separate`` for half of each direction's own -log (row 27).

    Returns:
        float ``[P]``; the caller takes the mean over pairs and the sum over modalities.
    """
    forth, back = log_matches(left, right, temperature)
    if symmetric == "joint":
        return -0.5 * torch.logaddexp(forth, back)
    return -0.5 * (forth + back)


def log_agreement(p: Tensor, q: Tensor, temperature: float, negatives: str = "both") -> tuple[Tensor, Tensor]:
    """How well an entity's vector in one modality finds its own in another.

    Eq. (10)  l_CM(e_i^p, e_i^q) = exp(h_i^p·h_i^q / tau) / ( exp(h_i^p·h_i^q / tau) + sum over N^- of exp(h·h / tau) )

    N^- are the pairs (e_i^p, e_j^q) and (e_j^p, e_i^q), e_j another entity of the same graph in the batch.

    Args:
        p, q: float ``[B, d]``; row i of both is entity i, in modality p and in modality q.
        temperature: tau.
        negatives: ``both`` kinds, or only the first ``one`` (row 11).

    Returns:
        log l_CM(e_i^p, e_i^q) and log l_CM(e_i^q, e_i^p), float ``[B]`` each; with both kinds of negatives they are the same.
    """
    p, q = normalize(p), normalize(q)
    rows, columns = _sums(p, q, temperature)
    hit = _hits(p, q, temperature)
    if negatives == "one":
        return hit - torch.log(rows), hit - torch.log(columns)
    # The positive stands in the row and in the column; it is counted once.
    agreement = hit - torch.log(rows + columns - hit.exp())
    return agreement, agreement


def modality_loss(
    p: Tensor, q: Tensor, beta_p: float, beta_q: float, temperature: float, negatives: str = "both"
) -> Tensor:
    """Loss of every entity for one unordered pair of modalities, both orders together.

    Eq. (11)  L_CM = sum over p != q, sum over e_i of beta_p beta_q ( -log l_CM(e_i^p, e_i^q) )

    Args:
        p, q, temperature, negatives: as for :func:`log_agreement`.
        beta_p, beta_q: weights of the two modalities.

    Returns:
        float ``[B]``; the caller takes the mean over entities and the sum over pairs of modalities and graphs.
    """
    forth, back = log_agreement(p, q, temperature, negatives)
    return -beta_p * beta_q * (forth + back)


def total_loss(cross_modality: Tensor, cross_graph: Tensor) -> Tensor:
    """Eq. (9)  L^t = L_CM^t + L_CKG^t"""
    return cross_modality + cross_graph
