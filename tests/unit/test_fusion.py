import pytest
import torch
from toys import random_doubles, same

from pmf_minimal.fusion import FUSIONS, fuse

H = {"structure": random_doubles(5, 3, seed=1), "image": random_doubles(5, 2, seed=2)}
W = {"structure": torch.tensor([1, 0.5, 0, 0.25, 0]).double(), "image": torch.tensor([0, 1, 0.1, 0, 0]).double()}


@pytest.mark.parametrize("name", FUSIONS)
def test_entity_by_entity(name):
    """Eq. (8) by the scores, by whether they are above zero (row 1), or by what is there at all."""
    mask = {"structure": torch.ones(5, dtype=torch.bool), "image": torch.tensor([1, 1, 1, 1, 0]).bool()}
    joint = fuse(H, {m: FUSIONS[name].weights(w, mask[m]) for m, w in W.items()})
    for i in range(5):
        expected = []
        for m, h in H.items():
            w = float(W[m][i])
            w = {"keep": float(w > 0), "none": float(mask[m][i])}.get(name, w)
            length = sum(float(x) ** 2 for x in h[i]) ** 0.5
            expected += [w * float(x) / length for x in h[i]]
        same(joint[i], expected)


def test_no_gradient_where_nothing_counts():
    h = {m: x.clone().requires_grad_() for m, x in H.items()}
    fuse(h, W).square().sum().backward()
    (fuse(h, W) * random_doubles(5, 5, seed=3)).sum().backward()
    for m in h:
        assert (h[m].grad.any(dim=1) == (W[m] > 0)).all()


def test_a_zero_vector_stays_zero():
    zero = torch.zeros(2, 3, requires_grad=True)
    joint = fuse({"image": zero}, {"image": torch.ones(2)})
    joint.sum().backward()
    assert not joint.any() and zero.grad.isfinite().all()
