"""Made-up pairs: their truth is right, ids and order say nothing, they can be solved, and large ones fit."""

import subprocess
import sys

import pytest
import torch
from scipy.stats import spearmanr

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.datasets.faults import SWAPPED
from pmf_minimal.datasets.synthetic import BLUR, generate
from pmf_minimal.relevance import best_match
from pmf_minimal.runs.run import fit


def test_sizes_are_those_asked_for():
    graphs = generate(500, dangling=0.3)
    assert (graphs.n_left, graphs.n_right, len(graphs.pairs)) == (500, 500, 350)
    assert len(graphs.pairs[:, 0].unique()) == len(graphs.pairs[:, 1].unique()) == 350
    assert (graphs.pairs[:, 0] < 500).all() and (graphs.pairs[:, 1] >= 500).all()
    left = graphs.edge_index < 500
    assert (left[0] == left[1]).all(), "no triple joins the graphs"
    for m in ("relation", "attribute"):
        used = graphs.features[m] != 0
        assert not (used[:500].any(dim=0) & used[500:].any(dim=0)).any(), "two vocabularies"
    assert not set(graphs.edge_type[left[0]].tolist()) & set(graphs.edge_type[~left[0]].tolist())
    assert all(graphs.relevant[m].equal(graphs.mask(m)) for m in graphs.modalities)
    degree = torch.bincount(graphs.edge_index.ravel(), minlength=1000).float()
    assert degree.max() > 10 * degree.median()


def test_what_survives_in_both_graphs_is_alike():
    graphs = generate(500, survives=1.0, dangling=0.0)
    degree = torch.bincount(graphs.edge_index.ravel(), minlength=1000)
    assert degree[graphs.pairs[:, 0]].equal(degree[graphs.pairs[:, 1]])
    few = generate(500, survives=0.5, dangling=0.0)
    assert few.edge_index.shape[1] == pytest.approx(graphs.edge_index.shape[1] / 2, rel=0.1)


def test_numbers_belong_to_attributes_and_agree():
    graphs = generate(500, survives=1.0, dangling=0.0)
    held = graphs.features["attribute"] != 0
    assert (graphs.numbers[~held] == 0).all() and (graphs.numbers[held] != 0).all()
    # With nothing lost a pair has the same numbers in both graphs but for the blur, in whatever columns.
    left, right = (graphs.numbers[side].sort(dim=1, descending=True).values for side in graphs.pairs.T)
    assert (left - right).abs().max() < 8 * BLUR and (left - right).abs().sum() > 0
    assert 0.45 < graphs.numbers[held].mean() < 0.55


def test_one_seed_one_pair():
    first, again, other = (
        generate(300, spoilt={"image": {"foreign": 0.3, "hard": True}}, seed=seed) for seed in (1, 1, 2)
    )
    assert first.edge_index.equal(again.edge_index) and first.pairs.equal(again.pairs) and first.uris == again.uris
    for group in ("features", "faults", "donor", "relevant"):
        assert all(x.equal(again[group][m]) for m, x in first[group].items())
    assert not first.features["image"].equal(other.features["image"])


def test_ids_and_order_carry_nothing():
    graphs = generate(2000)
    left, right = graphs.pairs.T
    ids, chance = graphs.source_ids, 4 / len(left) ** 0.5  # four standard deviations
    first = torch.full((graphs.num_nodes,), -1)  # in which triple an entity comes last
    first[graphs.edge_index.T.ravel()] = torch.arange(graphs.edge_index.numel())
    order = torch.arange(len(left))
    for a, b in [(left, right), (ids[left], ids[right]), (order, left), (order, right), (ids[left], left)]:
        assert abs(spearmanr(a, b).statistic) < chance
    both = (first[left] >= 0) & (first[right] >= 0)
    # Hubs stand in late triples on both sides: that is degree, so entities of one degree are compared.
    degree = torch.bincount(graphs.edge_index.ravel(), minlength=graphs.num_nodes)
    both &= (degree[left] == 1) & (degree[right] == 1)
    assert both.sum() > 50
    assert abs(spearmanr(first[left][both], first[right][both]).statistic) < 4 / int(both.sum()) ** 0.5
    assert len(set(graphs.uris)) == graphs.num_nodes
    assert len((right - left).unique()) > len(left) / 3


def auc(name):
    """How well the best cosine tells own from spoilt images, among those with a counterpart."""
    graphs = load(name)
    x, linked = graphs.features["image"], torch.zeros(graphs.num_nodes, dtype=torch.bool)
    alpha = torch.cat(best_match(x[: graphs.n_left], x[graphs.n_left :]))
    linked[graphs.pairs.ravel()] = True
    own, bad = graphs.relevant["image"] & linked, (graphs.faults["image"] != 0) & linked
    return float((alpha[own][:, None] > alpha[bad]).float().mean())


def test_foreign_images_can_be_detected_hard_ones_hardly_and_swapped_ones_not():
    assert auc("synthetic/foreign") > 0.95
    assert 0.5 < auc("synthetic/hard") < 0.7
    assert auc("synthetic/swapped") == pytest.approx(0.5, abs=0.05)
    assert (load("synthetic/swapped").faults["image"] == SWAPPED).sum() == 900


def test_each_modality_helps_and_all_together_help_more():
    graphs, hits = generate(400), {}
    for modalities in (("structure",), ("image",), ("structure", "relation", "attribute", "image")):
        config = PRESETS["quick"].replace(modalities=modalities, scoring="off", dim=64)
        run = fit(graphs, config, device="cpu", progress=False)
        hits[modalities] = run.evaluate().loc["joint"]["Hits@1"].mean()
    structure, image, joint = hits.values()
    chance = 1 / len(run.graphs.test)
    assert min(structure, image) > 5 * chance and joint > max(structure, image)


def test_a_hundred_thousand_entities_a_side_in_eight_gigabytes():
    code = """if True:
        import resource
        from pmf_minimal.datasets.synthetic import generate
        graphs = generate(100_000, spoilt={"image": {"foreign": 0.3, "hard": True}, "attribute": {"foreign": 0.3}})
        assert graphs.num_nodes == 200_000
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert float(printed) < 8


@pytest.mark.parametrize("wrong", (dict(n=5), dict(degree=0), dict(survives=0), dict(dangling=1.0), dict(survives=2)))
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 20 entities"):
        generate(**({"n": 100} | wrong))
