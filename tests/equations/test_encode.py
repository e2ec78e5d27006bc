"""Eq. (1): the encoder of each modality turns an entity's feature into a vector."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import same, toy

from pmf_minimal import model
from pmf_minimal.config import PMFConfig


def make():
    graphs = toy()
    return graphs, model.PMF(graphs, PMFConfig(dim=2))


def test_by_hand():
    """Eq. (1): with W = [[1, 0], [1, 1]] and b = (0, 10) the image (2, 1) of entity 3 becomes (2, 13)."""
    graphs, pmf = make()
    with torch.no_grad():
        pmf.encoders["image"].weight.copy_(torch.tensor([[1.0, 0], [1, 1]]))
        pmf.encoders["image"].bias.copy_(torch.tensor([0.0, 10]))
    h = pmf.encode()
    assert list(h) == ["structure", "relation", "image"]  # attribute is not in the data
    assert all(x.shape == (12, 2) for x in h.values())
    same(h["image"][3], [2, 13])


@given(st.permutations(range(12)), st.integers(1, 12))
def test_rows_asked_for(order, count):
    """Eq. (1): encoding some entities gives the same rows as encoding all, in the order asked for."""
    graphs, pmf = make()
    rows = torch.tensor(order[:count])
    everything = pmf.encode()
    for m, h in pmf.encode(rows).items():
        same(h, everything[m][rows], 1e-6)


@given(st.integers(0, 11))
def test_own_modality_only(i):
    """Eq. (1): changing one entity's image changes this entity's image embedding and nothing else."""
    graphs, pmf = make()
    before = pmf.encode()
    graphs.features["image"][i] += 1
    after = pmf.encode()
    for m in before:
        changed = (before[m] != after[m]).any(dim=1)
        assert changed.nonzero().ravel().tolist() == ([i] if m == "image" else [])
