"""Figures of what the rules of the cards find: every comparison with its interval, coloured by its outcome."""

from __future__ import annotations

import pandas as pd

from pmf_minimal.teaching import plots

#: Outcome of a comparison -> its colour and its mark, the same throughout the book.
COLOUR = {"for": "#029e73", "open": "#777777", "against": "#d55e00", "moot": "#bbbbbb"}
MARK = {"for": "o", "open": "s", "against": "X", "moot": "."}


def forest(rows: pd.DataFrame, columns: int = 2, label: str = "difference in Hits@1"):
    """Differences with their intervals, a panel for each comparison.

    Args:
        rows: what ``cards.judge`` gives: comparison, dataset, mean, low, high and outcome.
        columns: panels side by side.
        label: what the differences are of.

    Returns:
        The figure. All panels have the same axis, so that zero stands in one place.
    """
    groups = list(rows.groupby("comparison", sort=False))
    names = list(dict.fromkeys(rows["dataset"]))
    height = -(-len(groups) // columns)
    fig, axes = plots.figure(1, 7.0, (0.26 * len(names) + 0.9) * height)
    axes.remove()
    grid = fig.subplots(height, columns, sharex=True, sharey=True, squeeze=False)
    for axis, (title, part) in zip(grid.flat, groups, strict=False):
        for r in part.itertuples():
            y = names.index(r.dataset)
            axis.plot([r.low, r.high], [y, y], color=COLOUR[r.outcome])
            axis.plot(r.mean, y, MARK[r.outcome], color=COLOUR[r.outcome])
        axis.axvline(0, color="#555555", lw=1, ls="--", zorder=0)
        axis.set_yticks(range(len(names)), names, fontsize=9)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_title(plots.plain(title.replace(" > ", "\n− ")), fontsize=8.5)
        axis.tick_params(axis="x", labelsize=9, labelbottom=True)
        axis.set_xlabel(label, fontsize=9)
    for axis in grid.flat[len(groups) :]:
        axis.remove()
    return fig


def counts(rows: pd.DataFrame) -> pd.DataFrame:
    """How many data sets are for, open, against and moot: a row for each comparison of ``cards.judge``."""
    table = pd.crosstab(rows["comparison"], rows["outcome"])
    return table.reindex(rows["comparison"].unique()).reindex(columns=list(MARK), fill_value=0)
