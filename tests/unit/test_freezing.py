import pytest
import torch
from toys import random_doubles, same

from pmf_minimal.beyond.controls import shuffle_scores
from pmf_minimal.freezing import ThresholdSchedule, active, freeze, threshold


def test_threshold_grows_to_its_end():
    """.1 times 1.2 at every scoring reaches .9 after 13."""
    deltas = [threshold(n) for n in range(20)]
    expected = 0.1
    for n, delta in enumerate(deltas):
        assert delta == pytest.approx(min(expected, 0.9))
        assert (delta == 0.9) == (n >= 13)
        expected *= 1.2
    assert threshold(3000) == 0.9
    assert [threshold(n, 0.2, 2, 0.7) for n in range(4)] == [0.2, 0.4, 0.7, 0.7]


def test_a_schedule_has_a_threshold_for_each_modality():
    grown = [threshold(n, 0.2, 2, 0.7) for n in range(4)]
    every, some = ThresholdSchedule(0.2, 2, 0.7), ThresholdSchedule(0.2, 2, 0.7, ("image",))
    for schedule, modality, deltas in ((every, "image", grown), (some, "image", grown), (some, "name", [0.2] * 4)):
        assert [schedule(modality, n) for n in range(4)] == deltas


def test_active():
    w = torch.rand(50, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    assert active(w).tolist() == [float(x) != 0 for x in w]


def test_freeze_through_shared_weights():
    """What stops is the gradient at the frozen row; weights that it shares with others go on learning from those."""
    weight, e = random_doubles(3, 2, seed=1).requires_grad_(), random_doubles(4, 2)
    h = e @ weight.T
    h.retain_grad()
    out = freeze(h, torch.tensor([True, False, False, True]))
    assert torch.equal(out, h)
    (out @ out.T).sum().backward()
    assert not h.grad[[1, 2]].any() and h.grad[[0, 3]].all()
    same(weight.grad, h.grad[[0, 3]].T @ e[[0, 3]])


def test_shuffled_scores():
    """The same scores on the same side, among those who have the feature; chance decides who gets which."""
    g = torch.Generator().manual_seed(0)
    w, mask = torch.rand(40, generator=g), torch.rand(40, generator=g) > 0.3
    w = w * mask
    dealt = shuffle_scores(w, mask, 15, torch.Generator().manual_seed(1))
    for side in (slice(0, 15), slice(15, 40)):
        assert dealt[side].sort().values.tolist() == w[side].sort().values.tolist()
    assert not dealt[~mask].any() and not torch.equal(dealt, w)
    assert torch.equal(dealt, shuffle_scores(w, mask, 15, torch.Generator().manual_seed(1)))
    assert not torch.equal(dealt, shuffle_scores(w, mask, 15, torch.Generator().manual_seed(2)))
