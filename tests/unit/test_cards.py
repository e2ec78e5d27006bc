"""Experiment cards: their form, their rules, and that what they say follows from the runs stored beside them."""

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from pmf_minimal.config import PRESETS
from pmf_minimal.errors import DataError
from pmf_minimal.experiments import cards

RULE = {"claim": 2, "says": "a helps", "rule": [{"more": "a", "less": "b"}]}


def table(**values):
    """Runs on one data set: variant -> Hits@1 by seed."""
    rows = [
        {"dataset": "d", "variant": variant, "seed": seed, "Hits@1": value}
        for variant, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", cards.names())
def test_card_follows_the_schema_and_its_chapter_is_there(name):
    card = cards.read(name)
    assert len(cards.cells(card)) >= 5
    for claim in card["claims"]:
        for rule in claim["rule"]:
            for side in [*rule.get("same", []), rule.get("more"), rule.get("less")]:
                if isinstance(side, str):
                    assert side.partition(" | ")[0] in card["variants"], side


@pytest.mark.parametrize("name", cards.names())
def test_results_follow_from_the_stored_runs(name):
    card, runs = cards.read(name), cards.runs(name)
    assert card["results"] == cards.results(card, runs)
    # all cells of the core grid, at least five seeds each, and their settings are the card's
    for cell in cards.cells(card):
        row = runs.query("dataset == @cell.dataset and variant == @cell.variant and seed == @cell.config.seed")
        assert len(row) == 1
        assert row["config.epochs"].item() == cell.config.epochs and row["config.lr"].item() == cell.config.lr
        assert row["config.scoring"].item() == cell.config.scoring
    core = runs[runs["dataset"].isin(card["datasets"])]
    assert cards.summary(core)["n"].min() >= 5


def test_bad_cards_are_refused_with_their_place(tmp_path):
    content = yaml.safe_load((cards.CARDS / "ablations.yaml").read_text(encoding="utf-8"))
    for change, words in (
        ({"seeds": 3}, "seeds: 3 is less than"),
        ({"colour": "red"}, "'colour'"),
        ({"claims": [{"claim": 12, "says": "x", "rule": [{"more": "a", "less": "b"}]}]}, "claims > 0 > claim"),
        ({"claims": [RULE | {"rule": [{"more": "a"}]}]}, "claims > 0 > rule > 0"),
    ):
        file = tmp_path / "card.yaml"
        file.write_text(yaml.safe_dump(content | change))
        with pytest.raises(DataError, match="card.yaml: ") as error:
            cards.read(file)
        assert words in str(error.value)
    (tmp_path / "card.yaml").write_text("title: [")
    with pytest.raises(DataError, match="not YAML"):
        cards.read(tmp_path / "card.yaml")
    with pytest.raises(DataError, match="no such card; the book has ablations"):
        cards.read("ablation")


def test_oracle_only_where_the_truth_is_known():
    oracle = [cell.dataset for cell in cards.cells(cards.read("ablations")) if cell.config.scoring == "oracle"]
    assert "emoji/fr_en" not in oracle and "emoji/fr_en+hard" in oracle


def test_summary_and_differences_by_hand():
    runs = table(a=[0.5, 0.6, 0.7], b=[0.4, 0.5, 0.6])
    row = cards.summary(runs).loc[("d", "a")]
    half = 4.302652729911275 * 0.1 / 3**0.5  # Student's t, two degrees of freedom
    assert np.allclose(row[["mean", "std", "low", "high", "n"]], [0.6, 0.1, 0.6 - half, 0.6 + half, 3])
    d = cards.differences(runs, "a", "b").loc["d"]
    assert np.isclose(d["mean"], 0.1) and d["n"] == 3
    # a number as the other side, and another measure
    runs["MRR"] = runs["Hits@1"] / 2
    assert np.isclose(cards.differences(runs, "a | MRR", 0.25).loc["d", "mean"], 0.05)
    with pytest.raises(DataError, match="'c'"):
        cards.differences(runs, "c", "a")


def test_differences_pair_the_seeds():
    # far apart from seed to seed, but always one point apart within a seed
    runs = table(a=[0.21, 0.51, 0.81, 0.41], b=[0.20, 0.50, 0.80, 0.401])
    assert cards.differences(runs, "a", "b").loc["d", "p"] < 0.001


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([0.60, 0.61, 0.62, 0.60, 0.61], [0.50, 0.52, 0.51, 0.51, 0.50], "supported"),
        ([0.50, 0.52, 0.51, 0.51, 0.50], [0.60, 0.61, 0.62, 0.60, 0.61], "not supported"),
        ([0.50, 0.60, 0.40, 0.55, 0.52], [0.51, 0.52, 0.49, 0.58, 0.50], "not supported"),
    ],
)
def test_verdicts(a, b, verdict):
    got, rows = cards.judge(table(a=a, b=b), RULE)
    assert got == verdict
    t = stats.ttest_rel(a, b)
    assert np.isclose(rows["p"].item(), t.pvalue)
    assert (rows["outcome"].item() == "open") == (t.pvalue >= 0.05)


def test_partly_and_holm():
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.01, 5)
    runs = table(a=base + [0.1, 0.11, 0.1, 0.09, 0.1], b=base, c=base + [0.01, 0.02, 0.0, 0.015, 0.005])
    rule = {"rule": [{"more": "a", "less": "b"}, {"more": "c", "less": "b"}, {"more": "b", "less": "a"}]}
    verdict, rows = cards.judge(runs, rule)
    assert verdict == "partly"
    assert rows["outcome"].tolist()[0] == "for" and rows["outcome"].tolist()[2] == "against"
    # the largest of three p-values is not multiplied, the smallest by three
    raw = stats.ttest_rel(base + [0.01, 0.02, 0.0, 0.015, 0.005], base).pvalue
    assert raw < 0.05 and np.isclose(rows["p"].tolist()[1], raw)
    single = stats.ttest_1samp([0.1, 0.11, 0.1, 0.09, 0.1], 0).pvalue
    assert np.isclose(rows["p"].tolist()[0], 3 * single)


def test_same_within_a_margin():
    a = np.array([0.500, 0.502, 0.498, 0.501, 0.499])
    for shift, outcome in ((0.0, "for"), (0.1, "against"), (0.0199, "open")):
        verdict, rows = cards.judge(table(a=a + shift, b=a[::-1]), {"rule": [{"same": ["a", "b"], "within": 0.02}]})
        assert rows["outcome"].item() == outcome
        assert (verdict == "supported") == (outcome == "for")


def test_too_few_values_are_not_testable():
    runs = table(a=[0.5, None, None], b=[0.4, 0.4, 0.4])
    assert cards.judge(runs, RULE)[0] == "not testable here"


def test_disagreements():
    stored = table(a=[0.5, 0.51, 0.52, 0.5, 0.51], b=[0.5, 0.51, 0.52, 0.5, 0.51])
    here = table(a=[0.5, 0.52, 0.52, 0.5, 0.5], b=[0.7, 0.71, 0.72, 0.7, 0.71])
    assert cards.disagreements(here, stored).index.tolist() == [("d", "b")]


def test_the_preset_default_is_what_validation_pairs_chose():
    """Of all variants of the card beyond the best in mean validation MRR, wherever all were run."""
    card, table = cards.read("beyond"), cards.runs("beyond")
    mean = table.groupby(["dataset", "variant"])["valid MRR"].mean().unstack().dropna()
    assert len(mean) >= 10 and (mean.idxmax(axis=1) == "evidence, iterative").all()
    chosen = {field: value for field, value in card["variants"]["evidence, iterative"].items() if field != "lr"}
    assert chosen == {field: getattr(PRESETS["recommended"], field) for field in chosen}
