"""Experiment cards: their form, their rules, and that what they say follows from the runs stored beside them."""

import runpy
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from pmf_minimal.config import PRESETS
from pmf_minimal.errors import DataError
from pmf_minimal.experiments import cards, judging, measures, tuning

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


STORED = [name for name in cards.names() if (cards.CARDS / f"{name}.csv").exists()]


def test_what_has_no_runs():
    """Cards whose rules are written and whose runs are still to come."""
    waiting = {name for name in cards.names() if "reading" in cards.read(name)}
    assert set(cards.names()) - set(STORED) <= waiting


@pytest.mark.parametrize("name", STORED)
def test_results_follow_from_the_stored_runs(name):
    card, runs = cards.read(name), cards.runs(name)
    assert card["results"] == cards.results(card, runs)
    # all cells of the core grid, as often as the card says, and their settings are the card's
    for cell in cards.cells(card):
        row = runs.query("dataset == @cell.dataset and variant == @cell.variant and seed == @cell.config.seed")
        assert len(row) == 1
        assert row["config.epochs"].item() == cell.config.epochs and row["config.lr"].item() == cell.config.lr
        assert row["config.scoring"].item() == cell.config.scoring
    core = runs[runs["dataset"].isin(card["datasets"])]
    assert (cards.summary(core)["n"] == card["seeds"]).all()
    assert card["seeds"] >= 5 or not card["claims"]


@pytest.mark.parametrize("name", STORED)
def test_the_names_of_measures_are_known(name):
    """What rules may speak of is all that runs have; so a slip in a rule is found before anything runs."""
    card, runs = cards.read(name), cards.runs(name)
    modalities = {m for cell in cards.cells(card, more=True) for m in cell.config.modalities}
    measured = {c for c in runs if not c.startswith("config.")} - {"dataset", "variant", "seed", "machine", "versions"}
    assert measured <= measures.known(modalities, card.get("readings", {}))
    if card.get("history"):
        assert set(cards.history(name)) - {"dataset", "variant", "seed", "epoch"} == set(card["history"])


@pytest.mark.parametrize("name", [name for name in STORED if "tuning" in cards.read(name)])
def test_rates_are_those_that_tuning_chose(name):
    """Each chosen rate is the best of the stored tuning runs in mean validation MRR, lies inside its grid, and is the one that was used."""
    card, runs, tried = cards.read(name), cards.runs(name), cards.tuning_runs(name)
    assert tried["seed"].min() >= tuning.FIRST_SEED > runs["seed"].max()
    assert set(tried["dataset"]) <= set(card["tuning"]["datasets"])
    for (variant, dataset), row in runs.groupby(["variant", "dataset"]).first().iterrows():
        same = tried[(tried["variant"] == variant) & (tried["dataset"].str.split("/").str[0] == dataset.split("/")[0])]
        mean = same.groupby("config.lr")["valid MRR"].mean()
        assert (same.groupby("config.lr").size() >= card["tuning"]["seeds"]).all() and len(mean) >= 4
        assert row["config.lr"] == mean.idxmax() and mean.index.min() < row["config.lr"] < mean.index.max()


@pytest.mark.parametrize("name", [name for name in cards.names() if "declared" in cards.read(name)])
def test_rules_stood_before_the_runs(name):
    """The card of the commit that it names has the same rules, variants and settings, and no results."""
    declared = cards.read(name)["declared"]
    file = f"pmf_minimal/experiments/cards/{name}.yaml"
    git = ["git", "-C", str(cards.CARDS), "show", f"{declared['commit']}:{file}"]
    done = subprocess.run(git, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("the history of the repository is not here")
    then, now = yaml.safe_load(done.stdout), yaml.safe_load((cards.CARDS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert "results" not in then
    for part in ("claims", "variants", "settings", "datasets", "seeds", "tuning"):
        assert then.get(part) == now.get(part), part


def test_a_rate_is_chosen_for_each_variant_and_family(tmp_path):
    card = TOPIC | {
        "settings": {"epochs": 1},
        "variants": {"a": {}, "b": {"dim": 8}},
        "datasets": ["synthetic/clean", "emoji/fr_en"],
    }
    card |= {"tuning": {"lr": [0.01, 0.02, 0.04, 0.08], "datasets": ["synthetic/foreign", "emoji/ja_en"], "seeds": 2}}
    file = tmp_path / "card.yaml"
    file.write_text(yaml.safe_dump(card, sort_keys=False))
    card = cards.read(file)
    grid = cards.tuning_cells(card)
    assert len(grid) == 2 * 4 * 2 * 2 and {c.config.seed for c in grid} == {100, 101}
    assert cards.untuned(card) == ["a on synthetic", "b on synthetic", "a on emoji", "b on emoji"]
    # By the mean, not by the best run: a likes 0.02 on one family, and the largest rate on the other.
    liked = {("a", "synthetic"): 0.02, ("a", "emoji"): 0.08, ("b", "synthetic"): 0.04, ("b", "emoji"): 0.01}

    def measured(cells):
        rows = []
        for c in cells:
            fits = c.config.lr == liked[c.variant, tuning.family(c.dataset)]
            lucky = c.config.lr == 0.01 and c.config.seed == 100
            rows.append({"dataset": c.dataset, "variant": c.variant, "seed": c.config.seed, "config.lr": c.config.lr})
            rows[-1]["valid MRR"] = 0.5 + 0.2 * fits + 0.3 * lucky
        return pd.DataFrame(rows)

    found = tuning.chosen(measured(grid))
    assert found["lr"].to_dict() == liked and found.index[found["edge"]].tolist() == [("a", "emoji"), ("b", "emoji")]
    further = tuning.extension(card, cards.configs(card), measured(grid))
    assert {(c.variant, c.dataset, c.config.lr) for c in further} == {
        ("a", "emoji/ja_en", 0.16),
        ("b", "emoji/ja_en", 0.005),
    }
    assert tuning.extension(card, cards.configs(card), measured(grid + further)) == []
    # What is stored beside the card is what its runs use.
    measured(grid + further).to_csv(tuning.file_of(file), index=False)
    card = cards.read(file)
    assert cards.untuned(card) == [] and card["rates"] == liked
    assert {c.config.lr for c in cards.cells(card) if c.variant == "a" and c.dataset == "emoji/fr_en"} == {0.08}


def test_tuning_is_refused_where_it_would_choose_nothing(tmp_path):
    tuned = TOPIC | {"tuning": {"lr": [0.01, 0.02, 0.04, 0.08], "datasets": ["synthetic/foreign"], "seeds": 2}}
    for change, words in (
        ({}, "b: the rate is chosen by `tuning`; leave out lr"),
        (
            {"variants": {"a": {}, "b": {"dim": 8}}, "datasets": ["emoji/fr_en"]},
            "none of them is of the family of emoji/fr_en",
        ),
        ({"variants": {"a": {}, "b": {"dim": 8}}, "seeds": 101}, "from 100 on are for tuning"),
        ({"tuning": tuned["tuning"] | {"lr": [0.01, 0.02]}}, "tuning > lr"),
    ):
        (tmp_path / "card.yaml").write_text(yaml.safe_dump(tuned | change, sort_keys=False))
        with pytest.raises(DataError) as error:
            cards.read(tmp_path / "card.yaml")
        assert words in str(error.value)


def test_bad_cards_are_refused_with_their_place(tmp_path):
    content = yaml.safe_load((cards.CARDS / "ablations.yaml").read_text(encoding="utf-8"))
    for change, words in (
        ({"seeds": 2}, "seeds: 2 is less than"),
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
    with pytest.raises(DataError, match="not plain YAML"):
        cards.read(tmp_path / "card.yaml")
    with pytest.raises(DataError, match="no such card; the book has ablations"):
        cards.read("ablation")


TOPIC = {
    "title": "t",
    "question": "q",
    "chapter": "c",
    "preset": "quick",
    "settings": {"epochs": 1},
    "datasets": ["synthetic/clean"],
    "seeds": 5,
    "variants": {"a": {}, "b": {"lr": 0.01}},
    "claims": [RULE],
}


def rule(**sides):
    return {"claims": [RULE | {"rule": [sides]}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rule(more="aa", less="b"), "claims > 0 > rule: the card has no variant 'aa'; it has a, b"),
        (rule(more="a | Hits@2", less="b"), "no run has 'Hits@2'"),
        (rule(same=["a | frozen imag", 0.5]), "no run has 'frozen imag'"),
        (rule(more="a", less="b", datasets=["synthetic/claen"]), "no data set 'synthetic/claen'"),
        (
            {"datasets": ["emoji/fr_en"], "variants": {"a": {}, "b": {"scorer": "oracle"}}},
            "'b' scores by the known truth",
        ),
        ({"history": ["frozen imag"]}, "history: no run has 'frozen imag'"),
        ({"measure": "Hits@2"}, "measure: no run has 'Hits@2'"),
        ({"readings": {"r": {"csls_rounds": "x"}}}, "readings > r: csls_rounds='x'"),
        ({"readings": {"r": {"lr": 1}}}, "readings > r"),
        ({"splits": {"emoji/fr_en": "s.csv"}}, "splits > emoji/fr_en: the card has no such data set"),
        ({"splits": {"synthetic/clean": "../s.csv"}}, "splits > synthetic/clean"),
        ({"settings": {"epohcs": 1}}, "settings: no such field of the configuration: epohcs"),
        ({"settings": {"modalities": 5}}, "settings: modalities"),
        ({"variants": {"a": {"seed": 3}, "b": {}}}, "variants > a: no seed here"),
        ({"variants": {"a": {"model": "nope"}, "b": {}}}, "variants > a: model='nope'"),
        ({"seeds": 2}, "seeds: 2 is less than the minimum of 3"),
        ({"seeds": 10**9}, "seeds"),
        (
            {
                "variants": {"b": {}},
                "tuning": {"lr": [0.1, 0.2, 0.3, "x"], "datasets": ["synthetic/clean"], "seeds": 2},
            },
            "tuning > lr > 3",
        ),
    ],
)
def test_what_cannot_be_run_or_judged_is_refused_when_read(tmp_path, change, words):
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(TOPIC | change))
    with pytest.raises(DataError, match=r"card\.yaml: ") as error:
        cards.read(tmp_path / "card.yaml")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [lol]\nb: *x", "line 1: not plain YAML: aliases"),
        ("results: {a: !!bool maybe}", "line 1: not plain YAML: tags"),
        ("results: {a: !!timestamp x}", "tags"),
        ("results: !!python/object/apply:os.system [ls]", "tags"),
        ("title: t\nresults: {1: 2}", "line 2: not plain YAML: a key has to be text"),
        ("title: t\ntitle: u", "line 2: not plain YAML: the key 'title' stands here twice"),
        ("results: " + "[" * 5000, "levels"),
        ("results: " + "[" * 30 + "]" * 30, "levels"),
        ("seeds: " + "9" * 5000, "not a number"),
        ("# caf\xe9", "not UTF-8"),
        ("a: \x00", "not plain YAML"),
        ("a: b: c", "not plain YAML"),
        ("", "is not of type 'object'"),
        ("x" * 2_000_000, "at most 1,000,000 bytes"),
    ],
)
def test_hostile_yaml_is_named_by_file_and_line(tmp_path, text, words):
    (tmp_path / "card.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"card\.yaml: ") as error:
        cards.read(tmp_path / "card.yaml")
    assert words in str(error.value) and len(str(error.value)) < 1000


def test_words_are_words_and_numbers_are_numbers(tmp_path):
    """In YAML 1.1 `off` is False, `1e-3` is text, `010` is 8 and 2024-01-01 a date."""
    (tmp_path / "card.yaml").write_text(
        "{title: 2024-01-01, question: no, chapter: c, preset: quick, settings: {scoring: off, lr: 1e-3, epochs: 010},"
        "datasets: [synthetic/clean], seeds: 5.0, variants: {a: {thaw: false}, b: {threshold_grows: null}}, claims: []}"
    )
    card = cards.read(tmp_path / "card.yaml")
    assert card["title"] == "2024-01-01" and card["question"] == "no" and len(cards.cells(card)) == 10
    config = cards.cells(card)[0].config
    assert (config.scoring, config.lr, config.epochs, config.thaw) == ("off", 0.001, 10, False)


def test_a_directory_is_no_card(tmp_path):
    (tmp_path / "card.yaml").mkdir()
    with pytest.raises(DataError, match="a card is a file"):
        cards.read(tmp_path / "card.yaml")


def test_what_no_run_has_is_not_testable():
    """Precision of freezing is measured only where the truth is known: a rule on it must not fail after the runs."""
    card = {"claims": [RULE | {"rule": [{"more": "a | precision image", "less": 0.5}]}]}
    ((_, verdict, rows),) = cards.verdicts(card, table(a=[0.5] * 5))
    assert verdict == "not testable here" and rows.empty


def test_stored_runs_are_not_lost():
    with pytest.raises(DataError, match="openea/en_fr_v1 would be lost"):
        cards.check_store("systems", set(cards.read("systems")["datasets"]))
    with pytest.raises(DataError, match="only the runs of the book's own cards"):
        cards.check_store("mine.yaml", {"emoji/fr_en"})
    cards.check_store("systems", set(cards.runs("systems")["dataset"]))


def test_oracle_only_where_the_truth_is_known():
    oracle = [cell.dataset for cell in cards.cells(cards.read("ablations")) if cell.config.scorer == "oracle"]
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
        ([0.50, 0.52, 0.51, 0.51, 0.50], [0.60, 0.61, 0.62, 0.60, 0.61], "contradicted"),
        ([0.50, 0.60, 0.40, 0.55, 0.52], [0.51, 0.52, 0.49, 0.58, 0.50], "mixed"),
    ],
)
def test_verdicts(a, b, verdict):
    got, rows = cards.judge(table(a=a, b=b), RULE)
    assert got == verdict
    t = stats.ttest_rel(a, b)
    assert np.isclose(rows["p"].item(), t.pvalue)
    assert (rows["outcome"].item() == "open") == (t.pvalue >= 0.05)


def test_mixed_and_holm():
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.01, 5)
    runs = table(a=base + [0.1, 0.11, 0.1, 0.09, 0.1], b=base, c=base + [0.01, 0.02, 0.0, 0.015, 0.005])
    rule = {"rule": [{"more": "a", "less": "b"}, {"more": "c", "less": "b"}, {"more": "b", "less": "a"}]}
    verdict, rows = cards.judge(runs, rule)
    assert verdict == "mixed"
    assert rows["outcome"].tolist()[0] == "for" and rows["outcome"].tolist()[2] == "against"
    # the largest of three p-values is not multiplied, the smallest by three
    raw = stats.ttest_rel(base + [0.01, 0.02, 0.0, 0.015, 0.005], base).pvalue
    assert raw < 0.05 and np.isclose(rows["p"].tolist()[1], raw)
    single = stats.ttest_1samp([0.1, 0.11, 0.1, 0.09, 0.1], 0).pvalue
    assert np.isclose(rows["p"].tolist()[0], 3 * single)


def test_which_part_matters_more_says_nothing_where_neither_matters():
    base = np.array([0.5, 0.51, 0.49, 0.52, 0.48])
    part = {"more": "whole", "less": "without a"}
    rule = {"rule": [part, {"more": "without b", "less": "without a", "given": part}]}
    helps = table(**{"whole": base + 0.1, "without a": base, "without b": base + 0.05 + base / 100})
    assert cards.judge(helps, rule)[1]["outcome"].tolist() == ["for", "for"]
    hurts = table(**{"whole": base - 0.1, "without a": base, "without b": base + 0.05 + base / 100})
    verdict, rows = cards.judge(hurts, rule)
    assert rows["outcome"].tolist() == ["against", "moot"] and verdict == "contradicted"


def test_a_world_counts_once():
    """Four data sets of one graph are one world: for it, against it, both, or open."""
    base = np.array([0.5, 0.51, 0.49, 0.52, 0.48])
    shifts = {"emoji/a": 0.1, "emoji/b": 0.1, "synthetic/a": 0.1, "synthetic/b": -0.1, "openea/a": 0.0}
    runs = pd.concat(
        [table(a=base + s + np.roll(base, 1) / 10, b=base).assign(dataset=name) for name, s in shifts.items()]
    )
    verdict, rows = cards.judge(runs, RULE)
    found = judging.by_world(rows).set_index("world")
    assert found["outcome"].to_dict() == {"emoji": "for", "synthetic": "both", "openea": "for"} and verdict == "mixed"
    assert found["datasets"].tolist() == [2, 2, 1]
    verdict, _ = cards.judge(runs[runs["dataset"].str.startswith("emoji")], RULE)
    assert verdict == "supported"


def test_same_within_a_margin():
    a = np.array([0.500, 0.502, 0.498, 0.501, 0.499])
    for shift, outcome in ((0.0, "for"), (0.1, "against"), (0.0199, "open")):
        verdict, rows = cards.judge(table(a=a + shift, b=a[::-1]), {"rule": [{"same": ["a", "b"], "within": 0.02}]})
        assert rows["outcome"].item() == outcome
        assert (verdict == "supported") == (outcome == "for")


def test_without_any_spread():
    runs = table(a=[0.6] * 5, b=[0.5] * 5)
    assert cards.judge(runs, RULE)[0] == "supported"
    assert cards.judge(table(a=[0.5] * 5, b=[0.5] * 5), RULE)[1]["outcome"].item() == "open"
    same = {"rule": [{"same": ["a", "b"], "within": 0.02}]}
    assert cards.judge(runs, same)[1]["outcome"].item() == "against"
    assert cards.judge(table(a=[0.51] * 5, b=[0.5] * 5), same)[0] == "supported"


def test_too_few_values_are_not_testable():
    runs = table(a=[0.5, None, None], b=[0.4, 0.4, 0.4])
    assert cards.judge(runs, RULE)[0] == "not testable here"


def test_disagreements():
    stored = table(a=[0.5, 0.51, 0.52, 0.5, 0.51], b=[0.5, 0.51, 0.52, 0.5, 0.51])
    here = table(a=[0.5, 0.52, 0.52, 0.5, 0.5], b=[0.7, 0.71, 0.72, 0.7, 0.71])
    assert cards.disagreements(here, stored).index.tolist() == [("d", "b")]
    # single runs have no interval: three points are allowed
    assert cards.disagreements(table(a=[0.5], b=[0.5]), table(a=[0.529], b=[0.531])).index.tolist() == [("d", "b")]


def test_the_evidence_of_the_preset_recommended_is_what_validation_pairs_chose():
    """Of all variants of the card beyond the best in mean validation MRR, wherever all were run. Its length is another since."""
    card, table = cards.read("beyond"), cards.runs("beyond")
    mean = table.groupby(["dataset", "variant"])["valid MRR"].mean().unstack().dropna()
    assert len(mean) >= 10 and (mean.idxmax(axis=1) == "evidence, iterative").all()
    others = ("lr", "iterative_epochs", "patience")
    chosen = {field: value for field, value in card["variants"]["evidence, iterative"].items() if field not in others}
    assert chosen == {field: getattr(PRESETS["recommended"], field) for field in chosen}


def test_the_preset_recommended_is_better_with_pairs_of_its_own():
    """In mean validation MRR, of what was run on all pairs of graphs."""
    script = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "recommended.py"))
    table = pd.read_csv(cards.CARDS.parent / "stored" / "recommended.csv")
    mean = table.groupby(["dataset", "variant"])["valid MRR"].mean().unstack()
    assert len(mean) == len(script["DATASETS"])
    everywhere = mean.dropna(axis=1)
    assert len(everywhere.columns) >= 2 and everywhere.mean().idxmax() == "mixture"
    assert script["VARIANTS"]["mixture"] == {}
