"""Eq. (7) and (8): the modalities of an entity become one vector."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity
from toys import doubles, same, toy, vectors

from pmf_minimal import fusion, model
from pmf_minimal.config import PMFConfig

weights = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=4, max_size=4).map(lambda w: doubles(*w))


def test_concatenation_by_hand():
    """Eq. (7): the parts stand side by side in the order of the modalities: two numbers and three make five."""
    h = {"a": doubles((1, 0)), "b": doubles((0, 0, 1))}
    same(fusion.fuse(h, {"a": doubles(1), "b": doubles(1)}), [[1, 0, 0, 0, 1]])


def test_scores_of_this_step():
    """Eq. (7): the model's joint embedding of some rows takes the current scores of these rows."""
    graphs = toy()
    pmf = model.PMF(graphs, PMFConfig(dim=2))
    pmf.relevance["image"].copy_(torch.arange(12) / 11)
    rows = torch.tensor([7, 2, 4])
    joint = pmf.joint(pmf.encode(rows), rows)
    assert joint.shape == (3, 6)
    same(joint[:, 4:].norm(dim=1), rows / 11, 1e-6)


@given(vectors(4, 2), vectors(4, 3), weights)
def test_parts_do_not_mix(a, b, w):
    """Eq. (7): a part depends on its own modality and score only, and other entities play no role."""
    one = torch.ones_like(w)
    joint = fusion.fuse({"a": a, "b": b}, {"a": w, "b": one})
    same(joint[:, :2], fusion.fuse({"a": a}, {"a": w}))
    same(joint[:, 2:], fusion.fuse({"b": b}, {"b": one}))
    same(joint[1:2], fusion.fuse({"a": a[1:2], "b": b[1:2]}, {"a": w[1:2], "b": one[1:2]}))


def test_weights_by_hand():
    """Eq. (8): (3, 4) has length 5 and weight 1/2, (0, 2) length 2 and weight 1; then (8, 6) with 0 and (1, 0) with 1/4."""
    h = {"a": doubles((3, 4), (8, 6)), "b": doubles((0, 2), (1, 0))}
    w = {"a": doubles(0.5, 0), "b": doubles(1, 0.25)}
    same(fusion.fuse(h, w), [[0.3, 0.4, 0, 1], [0, 0, 0.25, 0]])
    kept = {m: fusion.keep_or_drop(x, x >= 0) for m, x in w.items()}
    same(fusion.fuse(h, kept), [[0.6, 0.8, 0, 1], [0, 0, 1, 0]])


@given(vectors(4, 2), vectors(4, 3), weights, weights)
def test_dot_product_is_weighted_sum_of_cosines(a, b, w_a, w_b):
    """Eq. (8): the dot product of two joint vectors is the sum over m of w_i w_j cos(h_i, h_j)."""
    joint = fusion.fuse({"a": a, "b": b}, {"a": w_a, "b": w_b})
    for i in range(4):
        for j in range(4):
            expected = w_a[i] * w_a[j] * cosine_similarity(a[i], a[j], dim=0)
            expected = expected + w_b[i] * w_b[j] * cosine_similarity(b[i], b[j], dim=0)
            same(joint[i] @ joint[j], expected)
