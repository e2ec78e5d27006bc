"""The arithmetic around the measurements of speed, by hand; and that what is stored is whole and keeps what the book promises."""

import numpy as np
import pytest

from pmf_minimal.experiments import speed


def test_exponent():
    n = np.array([10, 100, 1000])
    assert speed.exponent(n, 7 * n) == pytest.approx(1) and speed.exponent(n, n**2 / 3) == pytest.approx(2)
    # one octave up in n, two octaves up in y between the ends of three points
    assert speed.exponent([1, 2, 4], [1, 4, 16]) == pytest.approx(2)


def test_roofline():
    assert speed.roofline(100, 10, flops=10, bandwidth=10) == 10  # calculation decides
    assert speed.roofline(10, 100, flops=10, bandwidth=5) == 20  # memory decides


def test_ratios():
    found = speed.ratios(
        {
            "operations": [
                {"group": "a", "kind": "ours", "cpu seconds": 2.0},
                {"group": "b", "kind": "ours", "cpu seconds": 1.0},
                {"group": "a", "kind": "other", "cpu seconds": 5.0},
            ]
        }
    )["times ours"]
    assert found.to_dict() == {("a", "ours"): 1, ("b", "ours"): 1, ("a", "other"): 2.5}


def test_growth():
    rows = [
        {"operation": "x", "entities a side": n, "bytes": 5 * n, "cpu seconds": n**2 + (n < 4000) * 1e9}
        for n in (8000, 1000, 4000, 2000)
    ]
    found = speed.growth({"growth": rows}).loc["x"]
    assert found["memory grows with N to the"] == pytest.approx(1)
    assert found["time, from 4,000 on, with N to the"] == pytest.approx(2)  # small graphs do not count
    assert found["largest N"] == 8000 and found["its MB"] == pytest.approx(0.04) and found["its cpu seconds"] == 8000**2


def test_what_is_stored_keeps_the_promises():
    """Memory grows no faster than linearly; graphs of the largest size that was tried train in 16 GB; processes agree."""
    stored = speed.read()
    assert {"machine", "operations", "epochs", "growth", "processes", "large"} == stored.keys()
    grown = speed.growth(stored)
    assert len(grown) == 4 and (grown["memory grows with N to the"] < 1.15).all()
    assert all(row["peak GB"] < 16 for row in stored["large"])
    one, two = stored["processes"]
    assert one["best epoch"] == two["best epoch"] and abs(one["Hits@1"] - two["Hits@1"]) < 0.01
    ratios = speed.ratios(stored)
    assert (ratios.xs("ours", level="kind")["times ours"] == 1).all()


def test_the_stored_growth_of_align_keeps_what_the_book_says():
    table = speed.own_growth().sort_values("entities a side")
    assert (table["predicted GB"] / table["peak GB"]).between(0.75, 1.25).all()
    assert table["F1"].min() > 0.9
    recall = table.set_index("entities a side")["recall of candidates"]
    assert recall.min() > 0.98 and round(recall[1_000_000], 2) == 0.99
    large = table[table["entities a side"] >= 10_000]
    for what in ("cpu seconds", "peak GB"):
        assert speed.exponent(large["entities a side"], large[what]) < 1.15
