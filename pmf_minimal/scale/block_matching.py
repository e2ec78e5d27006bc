"""The matchers of ``matching`` for scores that do not fit into memory: a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pmf_minimal import matching
from pmf_minimal.scale import approximate, sparse_matching
from pmf_minimal.scale.blockwise import PairScores
from pmf_minimal.scale.kernels import row_slices
from pmf_minimal.scale.memory import check_dense


def match(scores: PairScores, how: str = "greedy") -> Tensor:
    """:func:`matching.match`, int64 ``[P, 2]``, without all scores at once if the matcher can do without.

    Raises:
        DataError: it cannot, and there is no room for them; or ``approximate`` lacks faiss.
    """
    if how == "approximate":
        return approximate.match(scores)
    if how == "sinkhorn":
        return sparse_matching.greedy(sparse_matching.plan(scores)).to(scores.left.device)
    if not scores.fits_in_block and how in BY_BLOCKS:
        return BY_BLOCKS[how](scores)
    check_possible(how, *scores.shape, scores.products)
    return matching.MATCHERS[how](scores.dense)


def check_possible(how: str, n: int, m: int, products: bool) -> None:
    """Whether a matcher can be used for n to m entities, to be asked before the work that ends with it.

    Args:
        how: name of the matcher.
        n, m: entities of a side.
        products: whether their scores are plain products.

    Raises:
        DataError: as for :func:`match`.
    """
    if how == "approximate":
        approximate.check_possible(products)
    elif how not in BY_BLOCKS and how != "sinkhorn":
        check_dense(n, m, how)


def best_of_each_row(scores: PairScores) -> Tensor:
    """Every row with its most similar column, int64 ``[n, 2]``."""
    column = torch.empty(scores.shape[0], dtype=torch.long, device=scores.left.device)
    for rows, block in scores:
        column[rows] = block.argmax(dim=1)
    return torch.stack([torch.arange(len(column), device=column.device), column], dim=1)


def mutual(scores: PairScores, look: Callable[[slice, Tensor], None] | None = None) -> Tensor:
    """:func:`matching.mutual` by one pass, in which ``look`` may see every block of rows, too."""
    column, _, row, _ = _best(scores, look)
    rows = torch.arange(len(column), device=column.device)
    both = row[column] == rows
    return torch.stack([rows[both], column[both]], dim=1)


def greedy_in_order(scores: PairScores) -> Tensor:
    """:func:`matching.greedy_in_order`, block after block."""
    count, device = min(scores.shape), scores.left.device
    column = torch.empty(count, dtype=torch.long, device=device)
    taken = torch.zeros(scores.shape[1], dtype=torch.bool, device=device)
    for rows, block in scores:
        rows = slice(rows.start, min(rows.stop, count))
        if rows.start < count:
            block = block[: rows.stop - rows.start].masked_fill(taken, -torch.inf)
            column[rows] = matching.greedy_in_order(block)[:, 1]
            taken[column[rows]] = True
    return torch.stack([torch.arange(count, device=device), column], dim=1)


def greedy(scores: PairScores) -> Tensor:
    """:func:`matching.greedy` with memory that grows with n + n'.

    Every entity knows its best among those of the other side that are free. A round takes all pairs that are each other's
    best; then only those look again whose best was taken.
    """
    s, device = (scores, scores.T), scores.left.device
    best_column, column_value, best_row, row_value = _best(scores)
    best, value = [best_column, best_row], [column_value, row_value]
    free = [torch.ones(n, dtype=torch.bool, device=device) for n in scores.shape]
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


def _best(
    scores: PairScores, look: Callable[[slice, Tensor], None] | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Best column of every row and its similarity ``[n]``, best row of every column and its similarity ``[n']``."""
    of_rows, of_columns = (scores.left.new_full((n,), -torch.inf) for n in scores.shape)
    column, row = (torch.zeros(len(x), dtype=torch.long, device=x.device) for x in (of_rows, of_columns))
    for rows, block in scores:
        if look:
            look(rows, block)
        of_rows[rows], column[rows] = block.max(dim=1)
        better = (block.amax(dim=0) > of_columns).nonzero().ravel()  # among equals the lower row stays
        down = block[:, better].max(dim=0)
        row[better], of_columns[better] = down.indices + rows.start, down.values
    return column, of_rows, row, of_columns


#: Matchers that need one block at a time only.
BY_BLOCKS = {"greedy": greedy, "greedy_in_order": greedy_in_order, "mutual": mutual, "row": best_of_each_row}
