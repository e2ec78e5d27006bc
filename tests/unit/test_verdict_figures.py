"""Figures of verdicts: every comparison is drawn once, in the colour of its outcome, and all panels share their axis."""

import matplotlib.colors
import pandas as pd

from pmf_minimal.teaching import verdicts

ROWS = pd.DataFrame(
    {
        "comparison": ["a > b", "a > b", "c > b", "c > b"],
        "dataset": ["emoji/x", "synthetic/y"] * 2,
        "mean": [0.1, -0.1, 0.0, 0.2],
        "low": [0.05, -0.2, -0.1, 0.1],
        "high": [0.15, -0.05, 0.1, 0.3],
        "outcome": ["for", "against", "open", "moot"],
    }
)


def test_forest():
    fig = verdicts.forest(ROWS)
    left, right = fig.axes
    assert left.get_xlim() == right.get_xlim() and [t.get_text() for t in left.get_yticklabels()] == [
        "emoji/x",
        "synthetic/y",
    ]
    drawn = [
        line for axis in fig.axes for line in axis.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2
    ]
    colours = [matplotlib.colors.to_hex(line.get_color()) for line in drawn]
    assert colours == [verdicts.COLOUR[outcome] for outcome in ROWS["outcome"]]
    assert [tuple(line.get_xdata()) for line in drawn] == list(zip(ROWS["low"], ROWS["high"], strict=True))


def test_a_panel_too_many_is_removed():
    assert len(verdicts.forest(ROWS[:2]).axes) == 1


def test_counts():
    found = verdicts.counts(ROWS)
    assert found.columns.tolist() == ["for", "open", "against", "moot"]
    assert found.loc["a > b"].tolist() == [1, 0, 1, 0] and found.loc["c > b"].tolist() == [0, 1, 0, 1]


def test_outcomes_by_data_set():
    rows = ROWS.assign(variant=ROWS["comparison"]).set_index(["dataset", "variant"])
    fig = verdicts.by_dataset(rows.sort_index(), "gain")
    drawn = [(matplotlib.colors.to_hex(bars[0].get_color()), bars[0].get_marker()) for bars in fig.axes[0].containers]
    assert drawn == [(verdicts.COLOUR[kind], verdicts.MARK[kind]) for kind in ("for", "open")]
