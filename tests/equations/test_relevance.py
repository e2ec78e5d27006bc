"""Eq. (2) to (4): how relevant a feature is for the alignment."""

from unittest.mock import patch

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same, vectors

from pmf_minimal import relevance
from pmf_minimal.scale import kernels

two_graphs = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda n: st.tuples(vectors(n[0], 3), vectors(n[1], 3))
)
alphas = st.lists(st.integers(-8, 8).map(lambda i: i / 8), min_size=1, max_size=8).map(lambda a: doubles(*a))
deltas = st.sampled_from([0.1, 0.25, 0.5, 0.875, 0.9])


def test_best_match_by_hand():
    """Eq. (4): cosines of (1, 0) and (0, 2) with five vectors; lengths play no part.

            (5, 12)   (-1, 0)   (0, -5)   (4, 3)   (-3, -4)   best
    (1, 0)    5/13      -1         0        .8       -.6       .8
    (0, 2)   12/13       0        -1        .6       -.8      12/13
    best     12/13       0         0        .8       -.6
    """
    left, right = doubles((1, 0), (0, 2)), doubles((5, 12), (-1, 0), (0, -5), (4, 3), (-3, -4))
    for block in (1, 10):
        with patch.object(kernels, "CELLS", block):
            alpha_left, alpha_right = relevance.best_match(left, right)
        same(alpha_left, [0.8, 12 / 13])
        same(alpha_right, [12 / 13, 0, 0, 0.8, -0.6])


@given(two_graphs, st.sampled_from([0.01, 3.0, 700.0]))
def test_best_match_ignores_length(graphs, factor):
    """Eq. (4): alpha stays the same when vectors get longer, lies in [-1, 1], and the two graphs are treated alike."""
    left, right = graphs
    alpha_left, alpha_right = relevance.best_match(left, right)
    for alpha in (alpha_left, alpha_right):
        assert ((alpha >= -1) & (alpha <= 1)).all()
    again_right, again_left = relevance.best_match(right * factor, left)
    same(again_left, alpha_left)
    same(again_right, alpha_right)


@given(two_graphs)
def test_best_match_grows_with_the_other_graph(graphs):
    """Eq. (4): a larger other graph can only raise alpha; a copy of oneself there raises it to 1."""
    left, right = graphs
    alpha, _ = relevance.best_match(left, right)
    more, _ = relevance.best_match(left, torch.cat([right, left[:1]]))
    assert (more >= alpha - 1e-12).all()
    same(more[0], 1.0)


def test_relevance_by_hand():
    """Eq. (3): delta .1, best .9, so w = ReLU(alpha - .1) / .8."""
    same(relevance.relevance(doubles(-0.5, 0.1, 0.3, 0.5, 0.9), 0.1), [0, 0, 0.25, 0.5, 1])
    # Nobody above delta: without a guard the quotient .1/.1 would turn the worst into the best, and 0/0 be NaN.
    same(relevance.relevance(doubles(0.2, 0.3), 0.4), [0, 0])
    same(relevance.relevance(doubles(0.2, 0.4), 0.4), [0, 0])


@given(alphas, deltas)
def test_relevance_orders_as_best_match(alpha, delta):
    """Eq. (3): w lies in [0, 1], is monotone in alpha, positive exactly above delta, and the best one has 1."""
    w = relevance.relevance(alpha, delta)
    assert ((w >= 0) & (w <= 1)).all()
    order = alpha.argsort()
    assert (w[order].diff() >= 0).all()
    assert ((w > 0) == (alpha > delta)).all()
    assert w.max() == float(alpha.max() > delta)


@given(alphas, deltas, st.sampled_from([0.5, 0.25]), st.sampled_from([-0.25, 0.0, 0.5]))
def test_relevance_is_relative(alpha, delta, factor, shift):
    """Eq. (3): a common factor and a common shift of alpha and delta cancel."""
    if ((alpha - delta).abs() < 1e-9).any():
        return  # rounding would decide
    same(relevance.relevance(factor * alpha + shift, factor * delta + shift), relevance.relevance(alpha, delta))


def test_score_by_hand():
    """Eq. (2): of (1, 0), (0, 1), missing against (3, 4), (-1, 0), missing, at delta .4.

    alpha left .6, .8 and right .8, 0; w left (.6 - .4) / (.8 - .4) = 1/2, 1 and right 1, 0. The missing features, here
    left over as a copy of the first and the second vector, would raise every alpha to 1 if they counted.
    """
    h = doubles((1, 0), (0, 1), (1, 0), (3, 4), (-1, 0), (0, 1))
    mask = torch.tensor([True, True, False] * 2)
    same(relevance.score(h, mask, 3, 0.4), [0.5, 1, 0, 1, 0, 0])


@given(two_graphs, st.data())
def test_score_mirrors(graphs, data):
    """Eq. (2): exchanging the graphs exchanges the scores; who lacks the feature has 0 and influences nobody."""
    left, right = graphs
    n, total = len(left), len(left) + len(right)
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=total, max_size=total)))
    h = torch.cat([left, right])
    w = relevance.score(h, mask, n, 0.25)
    mirrored = relevance.score(torch.cat([right, left]), torch.cat([mask[n:], mask[:n]]), total - n, 0.25)
    same(mirrored, torch.cat([w[n:], w[:n]]))
    assert not w[~mask].any()
    same(relevance.score(torch.where(mask[:, None], h, torch.ones_like(h)), mask, n, 0.25), w)
