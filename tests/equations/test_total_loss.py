"""Eq. (9): both losses in every step."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import doubles, same, toy

from pmf_minimal import losses, model
from pmf_minimal.config import PMFConfig


def test_by_hand():
    """Eq. (9): 1.5 + 2.25 = 3.75, and the model adds up all parts: 1 + 2 + 4 across graphs, 8 + 16 across modalities."""
    same(losses.total_loss(doubles(1.5), doubles(2.25)), [3.75])
    pmf = model.PMF(toy(), PMFConfig(dim=2))
    names = ("structure",), ("image",), ("joint",), ("cross", "structure", "image"), ("cross", "relation", "image")
    parts = {name: torch.tensor(2.0**i) for i, name in enumerate(names)}
    assert float(pmf.total_loss(parts)) == 31


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_both_losses_pull_alike(cross_modality, cross_graph):
    """Eq. (9): the gradient of each of the two is 1, so neither is favoured."""
    a, b = torch.tensor(cross_modality, requires_grad=True), torch.tensor(cross_graph, requires_grad=True)
    losses.total_loss(a, b).backward()
    assert (float(a.grad), float(b.grad)) == (1, 1)
