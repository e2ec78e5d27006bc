"""What experiments measure, beside the plain way to compute it."""

import itertools

import pytest
import torch

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.experiments.diagnostics import Observer, auc, train_and_measure
from pmf_minimal.experiments.measures import known, known_history
from pmf_minimal.runs.run import fit

CONFIG = PRESETS["quick"].replace(
    dim=16,
    epochs=8,
    batch_size=500,
    scoring_start=2,
    scoring_end=6,
    evaluate_every=4,
    threshold_start=0.8,
    threshold_max=0.95,
)


def test_auc_by_counting():
    score, good = torch.tensor([0.9, 0.5, 0.5, 0.1, 0.7, 0.0]), torch.tensor([True, True, False, False, True, False])
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for (a, g), (b, h) in itertools.product(zip(score, good, strict=True), repeat=2)
        if g and not h
    ]
    assert auc(score, good) == pytest.approx(sum(wins) / len(wins))
    assert auc(-score, good) == pytest.approx(1 - sum(wins) / len(wins))
    assert auc(score, torch.ones(6, dtype=torch.bool)) != auc(score, good)  # not a number
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(4000, generator=generator)
    assert auc(noise, torch.rand(4000, generator=generator) > 0.5) == pytest.approx(0.5, abs=0.04)


@pytest.fixture(scope="module")
def watched():
    graphs = load("emoji/fr_en+foreign")
    observer = Observer(graphs)
    seen = []
    run = fit(
        graphs,
        CONFIG,
        "cpu",
        progress=False,
        callback=lambda t: (observer(t), seen.append((t.epoch, t.model.active["image"].clone()))),
    )
    return observer, run, seen


def test_watch_is_called_after_every_epoch_and_changes_nothing(watched):
    observer, run, seen = watched
    assert [epoch for epoch, _ in seen] == list(range(1, 9)) == [row["epoch"] for row in observer.history]
    alone = fit(load("emoji/fr_en+foreign"), CONFIG, "cpu", progress=False)
    assert alone.history["loss"].equals(run.history["loss"])


def test_when_a_feature_froze(watched):
    observer, run, seen = watched
    mask = run.graphs.mask("image")
    assert (observer.since["image"] > 0).any()
    for row in range(0, run.graphs.num_nodes, 97):
        since = 0
        for epoch, active in seen:
            frozen = bool(mask[row] and not active[row])
            since = (since or epoch) if frozen else 0
        assert observer.since["image"][row] == since


def test_precision_and_recall_by_counting(watched):
    observer, run, seen = watched
    graphs = run.graphs
    paired = set(graphs.pairs.ravel().tolist())
    frozen = {i for i in paired if graphs.mask("image")[i] and not seen[-1][1][i]}
    bad = {i for i in paired if graphs.mask("image")[i] and not graphs.relevant["image"][i]}
    last = observer.history[-1]
    assert last["precision image"] == pytest.approx(len(frozen & bad) / max(1, len(frozen)), abs=1e-5)
    assert last["recall image"] == pytest.approx(len(frozen & bad) / len(bad), abs=1e-5)


def test_measures_of_an_oracle_and_of_a_chance():
    graphs = load("emoji/fr_en+hard")
    oracle, _ = train_and_measure(graphs, CONFIG.replace(scorer="oracle"))
    assert oracle["AUC image"] == oracle["AUC image, pairs"] == oracle["precision image"] == oracle["recall image"] == 1
    chance, _ = train_and_measure(graphs, CONFIG.replace(scorer="shuffled"))
    assert abs(chance["AUC image"] - 0.5) < 0.05
    assert abs(chance["correlation image"]) < 0.1 < oracle["Hits@1"]


def test_added_pairs_are_counted_and_judged():
    settings = CONFIG.replace(
        train_share=0.1, scoring="off", iterative_epochs=4, iterative_every=2, probation=1, selection="last"
    )
    graphs = load("emoji/fr_en")
    measures, history = train_and_measure(graphs, settings)
    rounds = [row for row in history if row.get("added")]
    assert [row["epoch"] for row in rounds] == [10, 12]
    assert measures["added"] == sum(row["added"] for row in rounds)
    assert all(row["correct"] <= row["judged"] <= row["added"] for row in rounds)
    # Of what both count, test pairs, it finds the same.
    assert all(row["added correct"] <= row["correct"] for row in rounds)
    assert 0.2 < measures["precision added"] < 1


def test_what_each_step_brings_and_what_would_be_frozen():
    settings = CONFIG.replace(
        scoring="off",
        freezing="off",
        cross_modality="off",
        fusion="evidence",
        dim=32,
        epochs=16,
        csls_rounds=1,
        iterative_epochs=4,
        iterative_every=2,
    )
    measures, history = train_and_measure(load("synthetic/foreign"), settings)
    assert measures["Hits@1, learnt trust, CSLS"] == pytest.approx(measures["Hits@1"], abs=1e-6)
    assert measures["Hits@1, learnt trust"] > measures["Hits@1, full trust"]
    assert measures["Hits@1, concatenated, CSLS"] > measures["Hits@1, concatenated"]
    assert measures["precision image"] > 0.9 and measures["recall image"] > 0.9
    assert measures["precision image, input"] > 0.9 and 0.25 < measures["frozen image"] < 0.35
    # By evidence the pairs are looked up anew in each round, so those of the last round are all.
    rounds = [row for row in history if row.get("added")]
    assert len(rounds) == 2
    assert measures["added"] == rounds[-1]["added"] < sum(row["added"] for row in rounds)
    assert measures["precision added, worst"] == min(row["correct"] / row["judged"] for row in rounds)
    assert measures["precision added, last"] == rounds[-1]["correct"] / rounds[-1]["judged"]
    assert measures.keys() <= known(load("synthetic/foreign").modalities)
    assert {k for row in history for k in row} - {"epoch"} <= known_history(load("synthetic/foreign").modalities)
