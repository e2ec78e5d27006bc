"""Matching on the best candidates: with all of them the same as dense, with few of them linear in memory."""

import numpy as np
import pytest
import torch
from toys import same

from pmf_minimal import matching, metrics
from pmf_minimal.scale import block_matching, kernels, sparse_matching
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.evaluation import by_sinkhorn

SHAPES = [(1, 1), (1, 5), (12, 12), (9, 14), (14, 9)]


def similarities(n, m, seed=0, dim=4):
    g = torch.Generator().manual_seed(seed)
    return Similarities(*(torch.randn(k, dim, generator=g) for k in (n, m)))


def tied(n, m, seed):
    """Similarities of which many are equal."""
    g = torch.Generator().manual_seed(seed)
    return Similarities(*(torch.randint(-1, 2, (k, 3), generator=g).float() for k in (n, m)), kind="dot")


@pytest.fixture(params=[1, 40, 2**24])
def cells(request, monkeypatch):
    """Blocks of one row, of a few, of all."""
    monkeypatch.setattr(kernels, "CELLS", request.param)


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_all_candidates_are_the_dense_matrix(cells, n, m):
    scores = similarities(n, m)
    dense, sparse = scores.block(slice(None)), sparse_matching.k_best(scores, max(n, m))
    assert sparse.dtype == np.float32
    same(torch.from_numpy(sparse.toarray()), dense, 1e-6)
    csls = sparse_matching.csls(sparse, 3)
    soft = sparse_matching.sinkhorn(sparse, 0.1, 7)
    assert csls.dtype == soft.dtype == np.float32
    same(torch.from_numpy(csls.toarray()), matching.csls(dense, 3), 1e-5)
    same(torch.from_numpy(soft.toarray()), matching.sinkhorn(dense, 0.1, 7), 1e-5)
    for ours, theirs in ((sparse, dense), (csls, matching.csls(dense, 3))):
        assert torch.equal(sparse_matching.greedy(ours), matching.greedy(theirs))
        assert torch.equal(sparse_matching.mutual(ours), matching.mutual(theirs))
        assert torch.equal(sparse_matching.best_of_each_row(ours), theirs.argmax(dim=1))


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_broken_as_in_the_dense_matrix(cells, seed):
    scores = tied(11, 8, seed)
    dense, sparse = scores.block(slice(None)), sparse_matching.k_best(scores, 11)
    assert torch.equal(sparse_matching.greedy(sparse), matching.greedy(dense))
    assert torch.equal(sparse_matching.mutual(sparse), matching.mutual(dense))
    rows, columns = torch.arange(8), torch.arange(8).flip(0)
    better, equal = sparse_matching.count_better_and_tied(sparse, rows, columns)
    expected = metrics.count_better_and_tied(dense[:8], columns)
    assert torch.equal(better, expected[0]) and torch.equal(equal, expected[1])


def test_candidates_are_the_best_of_rows_and_of_columns(cells):
    scores = similarities(20, 13)
    dense, sparse = scores.block(slice(None)).numpy(), sparse_matching.k_best(scores, 4)
    row_rank = (-dense).argsort(axis=1).argsort(axis=1)
    column_rank = (-dense).argsort(axis=0).argsort(axis=0)
    stored = np.zeros_like(dense, dtype=bool)
    stored[sparse.nonzero()] = True
    assert np.array_equal(stored, (row_rank < 4) | (column_rank < 4))
    np.testing.assert_allclose(sparse.toarray(), np.where(stored, dense, 0), rtol=1e-5)


def test_csls_of_few_candidates_is_exact_where_it_is_stored(cells):
    scores = similarities(20, 13)
    sparse = sparse_matching.csls(sparse_matching.k_best(scores, 4), 4)
    rows, columns = sparse.nonzero()
    dense = matching.csls(scores.block(slice(None)).clone(), 4)
    same(torch.from_numpy(sparse.data), dense[rows, columns], 1e-5)


def test_memory_grows_with_candidates_not_with_all_pairs():
    for n in (50, 100, 200):
        assert 5 * n <= sparse_matching.k_best(similarities(n, n, dim=16), 5).nnz <= 10 * n


def test_sinkhorn_survives_scores_far_apart():
    soft = sparse_matching.sinkhorn(sparse_matching.k_best(similarities(15, 15), 6), 1e-3, 20)
    assert np.isfinite(soft.data).all()
    np.testing.assert_allclose(soft.sum(axis=0), 1, rtol=1e-5)


def test_a_counterpart_that_is_no_candidate_is_never_a_hit():
    scores = similarities(30, 30)
    sparse = sparse_matching.k_best(scores, 1)
    dense = scores.block(slice(None))
    worst = dense.argmin(dim=1)
    better, equal = sparse_matching.count_better_and_tied(sparse, torch.arange(30), worst)
    assert (better == 30).all() and (equal == 1).all()
    better, equal = sparse_matching.count_better_and_tied(sparse, torch.arange(30), dense.argmax(dim=1))
    assert (better == 0).all() and (equal == 1).all()


@pytest.mark.parametrize(("n", "k"), [(3, 0), (0, 2)])
def test_nothing_to_choose_from_is_an_error(n, k):
    with pytest.raises(ValueError, match=f"no {k} best candidates among {n} x 3"):
        sparse_matching.k_best(similarities(n, 3), k)


def test_only_pairs_that_are_probable_enough_are_taken():
    scores = sparse_matching.k_best(Similarities(torch.eye(3), torch.eye(3) * torch.tensor([1.0, 0.5, 0.2]), "dot"), 3)
    assert sparse_matching.mutual(scores, 0.5).tolist() == [[0, 0], [1, 1]]


def test_matching_and_evaluation_by_sinkhorn_use_the_same_plan(monkeypatch):
    """Of more entities than candidates each; ranks are those in the plan, in both directions."""
    g = torch.Generator().manual_seed(0)
    left = torch.randn(80, 8, generator=g)
    scores = Similarities(left, left + 0.8 * torch.randn(80, 8, generator=g), csls_rounds=1)
    plan = sparse_matching.plan(scores)
    assert plan.nnz < 80 * 80 and torch.equal(block_matching.match(scores, "sinkhorn"), sparse_matching.greedy(plan))
    order = torch.arange(80)
    dense = torch.from_numpy(plan.toarray())
    for found, matrix in zip(by_sinkhorn(scores, order, order), (dense, dense.T), strict=True):
        assert found["Hits@1"] == pytest.approx(float((matrix.argmax(dim=1) == order).float().mean()))
    # Few entities: all are candidates, and the plan is the dense one.
    few = Similarities(left[:20], left[:20])
    dense_plan = matching.sinkhorn(few.dense)
    np.testing.assert_allclose(sparse_matching.plan(few).toarray(), dense_plan, rtol=1e-4, atol=1e-9)
