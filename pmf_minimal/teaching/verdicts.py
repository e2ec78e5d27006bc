"""Verdicts on the paper's claims, in words and in figures: the page of claims and the chapters take both from here."""

from __future__ import annotations

from functools import cache

import pandas as pd

from pmf_minimal.datasets.extras import extra
from pmf_minimal.experiments import cards
from pmf_minimal.teaching import plots

with extra("book"):
    from IPython.display import Markdown

#: Number of a claim -> the claim, as the paper makes it, in our words.
CLAIMS = {
    0: "Freezing helps. (The central claim: title, Table 1)",
    1: "Measuring relevance matters most of all parts, and fusion by relevance matters more than freezing. (Fig. 3)",
    2: "Scoring progressively beats scoring once. (Fig. 3)",
    3: "The cross-modality loss helps. (Fig. 3)",
    4: "Structure and image are missed most. Relation or attribute alone cost little, both together much. (Fig. 4)",
    5: "The scores of the two sides of a pair correlate, and those of images lie close together. (Fig. 5)",
    6: "Below a threshold of 0.4 little changes, and above it more is frozen and Hits@1 rises. (Fig. 6)",
    7: "With 1 % seeds PMF keeps .648 Hits@1 on DBP15K ZH-EN, where MEAformer has .456. (Fig. 7, tested here: against PMF without relevance)",
    8: "The frozen share of images rises steeply and settles near 55 %. (Fig. 8)",
    9: "Images frozen early differ grossly, images frozen late subtly. (Table 3)",
    10: "PMF trains faster than MEAformer and UMAEA. (A.4)",
    11: "Limitations: relevance is not always reliable, and iterative learning is unstable.",
}
#: Number of a claim -> what a verdict by the rule alone would hide; the claim's chapter shows it.
REMARKS = {
    9: "A control takes most of its meaning away: raw features without any training give at least the same order."
}
#: Reading of PMF -> how the verdict calls it.
READINGS = {"paper": "as the paper has it", "released": "as the released code has it"}

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


def by_dataset(rows: pd.DataFrame, label: str):
    """Differences with their intervals, a panel for each data set, coloured by outcome.

    Args:
        rows: index (dataset, variant), columns mean, low, high and outcome.
        label: what the differences are.

    Returns:
        The figure. All panels have the same axis, and zero is dashed.
    """
    marks = rows["outcome"].map(lambda outcome: (COLOUR[outcome], MARK[outcome]))
    return plots.intervals(rows, label, 0.0, marks=marks)


def counts(rows: pd.DataFrame) -> pd.DataFrame:
    """How many data sets are for, open, against and moot: a row for each comparison of ``cards.judge``."""
    table = pd.crosstab(rows["comparison"], rows["outcome"])
    return table.reindex(rows["comparison"].unique()).reindex(columns=list(MARK), fill_value=0)


@cache
def entries() -> dict[int, list[tuple[str, dict, dict]]]:
    """Claim number -> (name of the card, the card, its verdict) for every card that tests it."""
    found: dict[int, list] = {number: [] for number in CLAIMS}
    for name in cards.names():
        card = cards.read(name)
        for verdict in card.get("results", {}).get("verdicts", []):
            found[verdict["claim"]].append((name, card, verdict))
    return found


def together(single: list[str]) -> str:
    """One verdict out of those of several experiments."""
    tested = [v for v in single if v != "not testable here"]
    if not tested:
        return "not testable here"
    return tested[0] if len(set(tested)) == 1 else "mixed"


def first_round() -> pd.DataFrame:
    """The first round, with the words and the rule of that time.

    Returns:
        A row per claim (index ``claim``): the verdict of its cards together, and how many comparisons were for, against and open.
    """
    groups = pd.read_csv(cards.CARDS / "first_round.csv").groupby("claim")
    verdict = groups["verdict"].agg(lambda v: v.iloc[0] if v.nunique() == 1 else "partly")
    return pd.concat([verdict, groups[["for", "against", "open"]].sum()], axis=1)


def by_reading(number: int) -> dict[str, tuple[str, list[str]]]:
    """Reading -> the verdict of the second round and the outcomes of its comparisons, one for each world.

    Args:
        number: of the claim.
    """
    found = {}
    for reading in READINGS:
        verdicts = [verdict for _, card, verdict in entries()[number] if card.get("reading") == reading]
        if verdicts:
            outcomes = [world["outcome"] for verdict in verdicts for world in verdict["worlds"]]
            found[reading] = together([verdict["verdict"] for verdict in verdicts]), outcomes
    return found


def sentence(number: int) -> str:
    """The verdict on a claim in words, made from the cards' results: the only text that a chapter or a page has for it.

    Args:
        number: of the claim.

    Returns:
        Markdown in one line.
    """
    parts = [f"**Claim {number}.** *{CLAIMS[number]}*"]
    second = by_reading(number)
    for reading, (verdict, outcomes) in second.items():
        parts.append(f"Second round, {READINGS[reading]}: **{verdict}** (comparisons by world: {_counted(outcomes)}).")
    if not second:
        parts.append("The second round has not judged it yet.")
    old = first_round()
    if number in old.index:
        row = old.loc[number]
        outcomes = [kind for kind in ("for", "against", "open") for _ in range(row[kind])]
        parts.append(f"First round: **{row['verdict']}** (comparisons by data set: {_counted(outcomes)}).")
    return " ".join([*parts, *([REMARKS[number]] if number in REMARKS else [])])


def _counted(outcomes: list[str]) -> str:
    words = {"for": "for it", "against": "against it", "both": "both ways", "open": "open", "moot": "moot"}
    return ", ".join(f"{outcomes.count(kind)} {word}" for kind, word in words.items() if kind in outcomes)


def show(number: int) -> Markdown:
    """The :func:`sentence` on a claim as an output of a chapter."""
    return Markdown(sentence(number))
