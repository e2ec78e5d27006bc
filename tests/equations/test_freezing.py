"""Eq. (5) and (6): what is irrelevant no longer learns."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same, toy, vectors

from pmf_minimal import freezing, model
from pmf_minimal.config import PMFConfig


def test_freeze_by_hand():
    """Eq. (5): of L = sum of h_i · h_i the gradient is 2 h_i, and 0 where F_i = 0; the values stay."""
    h = doubles((1, 2), (3, 4), (5, 6)).requires_grad_()
    frozen = freezing.freeze(h, torch.tensor([True, False, True]))
    same(frozen.detach(), h.detach())
    (frozen * frozen).sum().backward()
    same(h.grad, [[2, 4], [0, 0], [10, 12]])


def test_every_feature_trains_at_first():
    """Eq. (5): F^0 = 1 for every entity that has the feature at all."""
    graphs = toy()
    pmf = model.PMF(graphs, PMFConfig(dim=2))
    assert pmf.active["structure"].all()
    assert pmf.active["image"].tolist() == [True] * 4 + [False] + [True] * 6 + [False]


@given(vectors(5, 3), vectors(5, 3), st.lists(st.booleans(), min_size=5, max_size=5))
def test_freeze_stops_exactly_the_frozen(h, other, active):
    """Eq. (5): whatever the loss, frozen rows get exactly zero and the others exactly what they would get anyway."""
    active = torch.tensor(active)

    def gradient(through):
        x = h.clone().requires_grad_()
        y = through(x)
        ((y @ other.T).sin().sum() + (y @ y.T).exp().sum() * 1e-6).backward()
        return x.grad

    free = gradient(lambda x: x)
    held = gradient(lambda x: freezing.freeze(x, active))
    assert not held[~active].any()
    same(held[active], free[active])


def test_active_by_hand():
    """Eq. (6): frozen where w = 0, and only there."""
    assert freezing.active(doubles(0, 1e-9, 0.3, 1, 0)).tolist() == [False, True, True, True, False]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_active_is_where_relevance_is(w):
    """Eq. (6): F is 0 or 1, and w · F = w: nothing that counts is frozen, nothing that is frozen counts."""
    w = doubles(*w)
    active = freezing.active(w)
    assert active.dtype == torch.bool
    same(w * active, w)
    assert (w[active] != 0).all()
