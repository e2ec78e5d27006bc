"""Eq. (10) and (11): an entity's modalities agree."""

from itertools import permutations
from math import exp, log

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same, toy, vectors

from pmf_minimal import losses, model
from pmf_minimal.config import PMFConfig

# Two entities in two modalities; tau = 1/2.  p1·q1 = 1, p1·q2 = .6, p2·q1 = 0, p2·q2 = .8, whatever the lengths.
P, Q, TAU = doubles((1, 0), (0, 2)), doubles((5, 0), (0.6, 0.8)), 0.5
temperatures = st.sampled_from([0.05, 0.5, 1.0])


def agreement(p, q, tau, negatives="both"):
    """From p to q."""
    return losses.log_agreement(p, q, tau, negatives)[0]


def test_agreement_by_hand():
    """Eq. (10): each entity has one other, which is a negative in both roles.

    e_1: exp(1/.5) against p1·q2 and p2·q1: e^2 / (e^2 + e^1.2 + e^0);  e_2: exp(.8/.5) against the same two.
    """
    both = [exp(2) / (exp(2) + exp(1.2) + 1), exp(1.6) / (exp(1.6) + exp(1.2) + 1)]
    same(agreement(P, Q, TAU).exp(), both)
    one = [exp(2) / (exp(2) + exp(1.2)), exp(1.6) / (exp(1.6) + 1)]
    same(agreement(P, Q, TAU, "one").exp(), one)


@given(vectors(5, 3), vectors(5, 3), temperatures, st.permutations(range(5)))
def test_agreement_is_a_share(p, q, tau, order):
    """Eq. (10): l lies in (0, 1], is the same for (q, p), follows the batch's order, and ignores lengths."""
    share = agreement(p, q, tau)
    assert (share <= 1e-12).all() and share.isfinite().all()
    same(agreement(q, p, tau), share)
    same(agreement(7 * p, q / 7, tau), share)
    same(agreement(p[order], q[order], tau), share[order])


@given(vectors(5, 3), vectors(5, 3), temperatures)
def test_agreement_falls_with_more_negatives(p, q, tau):
    """Eq. (10): an entity on its own agrees perfectly; every further entity can only take from its share."""
    same(agreement(p[:1], q[:1], tau), [0])
    fewer, more = agreement(p[:4], q[:4], tau), agreement(p, q, tau)[:4]
    assert (more <= fewer + 1e-12).all()
    assert (agreement(p, q, tau) <= agreement(p, q, tau, "one") + 1e-12).all()


def test_loss_by_hand():
    """Eq. (11): both orders (p, q) and (q, p), with beta .1 and 10: -(.1 · 10) · 2 log l, l as in the toy of Eq. (10)."""
    l1, l2 = exp(2) / (exp(2) + exp(1.2) + 1), exp(1.6) / (exp(1.6) + exp(1.2) + 1)
    same(losses.modality_loss(P, Q, 0.1, 10, TAU), [-2 * log(l1), -2 * log(l2)])
    # One kind of negatives: (p, q) has e_1 among p1·q1, p1·q2 and (q, p) among q1·p1, q1·p2.
    forth, back = exp(2) / (exp(2) + exp(1.2)), exp(2) / (exp(2) + 1)
    same(losses.modality_loss(P, Q, 0.1, 10, TAU, "one")[0], -log(forth) - log(back))


def test_loss_over_modalities_and_graphs():
    """Eq. (11): the sum runs over all p != q and over the entities of both graphs that have both; negatives stay in one graph."""
    graphs = toy()
    beta = {"structure": 0.5, "relation": 2.0, "image": 3.0}
    pmf = model.PMF(graphs, PMFConfig(dim=3, modalities=tuple(beta), beta=beta))
    parts = pmf.losses(None, (torch.arange(6), torch.arange(6, 12)))
    h, expected = pmf.encode(), {}
    for p, q in permutations(pmf.modalities, 2):
        for side in (range(6), range(6, 12)):
            both = [i for i in side if graphs.mask(p)[i] and graphs.mask(q)[i]]
            loss = -beta[p] * beta[q] * agreement(h[p][both], h[q][both], 0.05).mean()
            name = tuple(sorted((p, q)))
            expected[name] = expected.get(name, 0) + loss
    assert {kind for kind, *_ in parts} == {"cross"}
    found = {tuple(sorted(pair)): value for (_, *pair), value in parts.items()}
    assert found.keys() == expected.keys() and len(found) == 3
    for name, value in found.items():
        same(value, expected[name], 1e-4)


@given(vectors(4, 3), vectors(4, 3), st.sampled_from([0.1, 1.0, 10.0]), st.sampled_from([0.1, 1.0, 10.0]))
def test_loss_is_proportional_to_both_betas(p, q, beta_p, beta_q):
    """Eq. (11): never negative, proportional to beta_p beta_q, the same for (q, p)."""
    plain = losses.modality_loss(p, q, 1, 1, TAU)
    assert (plain >= -1e-12).all()
    loss = losses.modality_loss(p, q, beta_p, beta_q, TAU)
    same(loss, beta_p * beta_q * plain)
    same(losses.modality_loss(q, p, beta_q, beta_p, TAU), loss)
