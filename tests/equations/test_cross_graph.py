"""Eq. (12) and (13): the two sides of a pair find each other."""

from math import exp, log

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same, toy, vectors

from pmf_minimal import losses, model
from pmf_minimal.config import PMFConfig

# Two pairs, tau = 1/2.  l1·r1 = 1, l1·r2 = .6, l2·r1 = 0, l2·r2 = .8; own graph: l1·l2 = 0, r1·r2 = .6.
LEFT, RIGHT, TAU = doubles((1, 0), (0, 2)), doubles((5, 0), (0.6, 0.8)), 0.5
# Similarity / tau, exponential: the partner, then the other graph's other entity, then the own graph's.
FORTH = [exp(2) / (exp(2) + exp(1.2) + exp(0)), exp(1.6) / (exp(1.6) + exp(0) + exp(0))]
BACK = [exp(2) / (exp(2) + exp(0) + exp(1.2)), exp(1.6) / (exp(1.6) + exp(1.2) + exp(1.2))]
temperatures = st.sampled_from([0.05, 0.5, 1.0])


def test_match_by_hand():
    """Eq. (12): the denominator holds the partner and two negatives, one of the other graph and one of the own."""
    forth, back = losses.log_matches(LEFT, RIGHT, TAU)
    same(forth.exp(), FORTH)
    same(back.exp(), BACK)


@given(vectors(5, 3), vectors(5, 3), temperatures, st.permutations(range(5)))
def test_match_is_a_share(left, right, tau, order):
    """Eq. (12): l lies in (0, 1], follows the batch's order, ignores lengths; exchanging the graphs exchanges directions."""
    forth, back = losses.log_matches(left, right, tau)
    assert (forth <= 1e-12).all() and forth.isfinite().all()
    for other in (losses.log_matches(right, left, tau)[::-1], losses.log_matches(left * 7, right / 7, tau)):
        same(other[0], forth)
        same(other[1], back)
    same(losses.log_matches(left[order], right[order], tau)[0], forth[order])


@given(vectors(5, 3), vectors(5, 3), temperatures)
def test_match_falls_with_more_negatives(left, right, tau):
    """Eq. (12): alone a pair matches perfectly; every further pair can only take from the shares."""
    same(losses.log_matches(left[:1], right[:1], tau)[0], [0])
    for fewer, more in zip(
        losses.log_matches(left[:4], right[:4], tau), losses.log_matches(left, right, tau), strict=True
    ):
        assert (more[:4] <= fewer + 1e-12).all()


def test_loss_by_hand():
    """Eq. (13): one log around the sum of both directions as printed, or the mean of both logs."""
    same(losses.alignment_loss(LEFT, RIGHT, TAU), [-0.5 * log(f + b) for f, b in zip(FORTH, BACK, strict=True)])
    separate = [-0.5 * (log(f) + log(b)) for f, b in zip(FORTH, BACK, strict=True)]
    same(losses.alignment_loss(LEFT, RIGHT, TAU, "separate"), separate)


def test_loss_over_modalities():
    """Eq. (13): the sum runs over M+, that is every modality and the joint embedding, and over pairs whose both sides have it."""
    graphs = toy()
    pmf = model.PMF(graphs, PMFConfig(dim=3))
    parts = pmf.losses(graphs.pairs, None)
    h = pmf.encode()
    h["joint"] = pmf.joint(h)
    assert parts.keys() == {(m,) for m in h}
    for m, x in h.items():
        # 4 has no image on the left, 5 none on the right; the joint embedding everybody has.
        left = torch.tensor([0, 1, 2, 3] if m == "image" else range(6))
        if m == "relation":
            left = left[:5]  # 5 and 11 are in no triple
        same(parts[m,], losses.alignment_loss(x[left], x[left + 6], 0.05).mean(), 1e-4)


@given(vectors(5, 3), vectors(5, 3), temperatures, st.permutations(range(5)))
def test_loss_of_a_batch(left, right, tau, order):
    """Eq. (13): indifferent to the batch's order and to which graph is left; at least -1/2 log 2, since each l is at most 1."""
    loss = losses.alignment_loss(left, right, tau)
    assert (loss >= -0.5 * log(2) - 1e-12).all()
    same(losses.alignment_loss(left[order], right[order], tau).mean(), loss.mean())
    same(losses.alignment_loss(right, left, tau), loss)
    # log(f + b) >= log f + log b, because f and b are at most 1
    assert (losses.alignment_loss(left, right, tau, "separate") >= loss - 1e-12).all()
