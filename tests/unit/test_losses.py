"""Both losses against loops over a batch, and at the edges of float32."""

from math import exp, log

import pytest
import torch
from toys import doubles, random_doubles, same

from pmf_minimal import losses
from pmf_minimal.scale import kernels

TAU = 0.2


def unit(x):
    return [[float(v) / float(row.norm()) for v in row] for row in x]


def e(a, b):
    """exp(cosine / tau)."""
    return exp(sum(x * y for x, y in zip(a, b, strict=True)) / TAU)


@pytest.fixture(params=[(6, 4, 0), (1, 3, 1), (5, 2, 2)])
def batch(request):
    n, dim, seed = request.param
    left, right = random_doubles(n, dim, seed=seed), random_doubles(n, dim, seed=seed + 10)
    left[-1] = 3 * left[0]  # a repeated direction: a negative as good as the positive
    return left, right


def test_log_matches(batch):
    left, right = batch
    l, r, n = unit(left), unit(right), range(len(left))  # noqa: E741
    forth = [log(e(l[i], r[i]) / (sum(e(l[i], r[k]) for k in n) + sum(e(l[i], l[k]) for k in n if k != i))) for i in n]
    back = [log(e(r[i], l[i]) / (sum(e(r[i], l[k]) for k in n) + sum(e(r[i], r[k]) for k in n if k != i))) for i in n]
    found = losses.log_matches(left, right, TAU)
    same(found[0], forth)
    same(found[1], back)
    same(losses.alignment_loss(left, right, TAU), [-log(exp(f) + exp(b)) / 2 for f, b in zip(forth, back, strict=True)])
    same(losses.alignment_loss(left, right, TAU, "separate"), [-(f + b) / 2 for f, b in zip(forth, back, strict=True)])


def test_log_agreement(batch):
    p, q = unit(batch[0]), unit(batch[1])
    n = range(len(p))
    row = [sum(e(p[i], q[k]) for k in n if k != i) for i in n]
    column = [sum(e(p[k], q[i]) for k in n if k != i) for i in n]
    hit = [e(p[i], q[i]) for i in n]
    both = [log(h / (h + r + c)) for h, r, c in zip(hit, row, column, strict=True)]
    one = [log(h / (h + r)) for h, r in zip(hit, row, strict=True)]
    other = [log(h / (h + c)) for h, c in zip(hit, column, strict=True)]
    same(losses.log_agreement(*batch, TAU)[0], both)
    same(losses.log_agreement(*batch, TAU, "one")[0], one)
    same(losses.modality_loss(*batch, 0.1, 10, TAU), [-2 * x for x in both])
    same(losses.modality_loss(*batch, 0.1, 10, TAU, "one"), [-(x + y) for x, y in zip(one, other, strict=True)])


def test_gradients():
    left, right = random_doubles(4, 3, seed=1).requires_grad_(), random_doubles(4, 3, seed=2).requires_grad_()
    for negatives in ("both", "one"):
        assert torch.autograd.gradcheck(
            lambda p, q, n=negatives: losses.modality_loss(p, q, 2, 3, TAU, n), (left, right)
        )
    for how in ("joint", "separate"):
        assert torch.autograd.gradcheck(lambda p, q, h=how: losses.alignment_loss(p, q, TAU, h), (left, right))


@pytest.mark.parametrize("temperature", [0.05, 0.03])
def test_float32_at_the_extremes(temperature):
    """Perfect pairs, opposite pairs and everything alike: finite, and as in float64."""
    cases = [
        (torch.eye(5), torch.eye(5)),
        (torch.eye(5), -torch.eye(5)),
        (torch.ones(5, 5), torch.ones(5, 5)),
        (torch.ones(5, 5), -torch.ones(5, 5)),
        (torch.zeros(5, 5), torch.eye(5)),
    ]
    for left, right in cases:
        left = left.clone().requires_grad_()
        for loss in (losses.alignment_loss, lambda p, q, tau: losses.modality_loss(p, q, 1, 1, tau)):
            value = loss(left, right, temperature)
            (grad,) = torch.autograd.grad(value.sum(), left)
            assert value.isfinite().all() and grad.isfinite().all()
            same(value.double(), loss(left.double(), right.double(), temperature), 1e-4)


def test_total():
    assert float(losses.total_loss(doubles(1), doubles(2))) == 3


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_large_batches_have_the_same_losses_and_gradients(monkeypatch, rows, dtype, tolerance):
    """Where the gradient is taken by hand: the same numbers, block by block."""
    start = [random_doubles(7, 5, seed=k) for k in (0, 1)]

    def measure():
        left, right = (x.to(dtype).requires_grad_() for x in start)
        parts = [losses.alignment_loss(left, right, TAU)]
        parts += [losses.modality_loss(left[:5], right[2:], 0.5, 2, TAU, negatives) for negatives in ("both", "one")]
        sum((part * torch.arange(1, len(part) + 1)).sum() for part in parts).backward()
        return [*parts, left.grad, right.grad]

    plain = measure()
    monkeypatch.setattr(kernels, "LARGE", 0)
    monkeypatch.setattr(kernels, "ROWS", rows)
    by_hand = measure()
    for a, b in zip(by_hand, plain, strict=True):
        assert a.dtype == b.dtype
        same(a.double(), b.double(), tolerance)


def test_the_gradient_by_hand_is_right(monkeypatch):
    """Against differences of the loss itself."""
    monkeypatch.setattr(kernels, "LARGE", 0)
    monkeypatch.setattr(kernels, "ROWS", 2)
    a, b = ((random_doubles(5, 3, seed=k) / 5).requires_grad_() for k in (0, 1))
    assert torch.autograd.gradcheck(lambda a, b: kernels.sums_of_exp(a, b, TAU), (a, b[:4]))
    assert torch.autograd.gradcheck(lambda a: kernels.sums_of_exp_among(a, TAU), (a,))
