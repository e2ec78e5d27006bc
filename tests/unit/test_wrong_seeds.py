"""Seeds that are no pairs: their share, which they are, and what a run does with them."""

import numpy as np
import pytest
import torch
from toys import same, twins

from pmf_minimal import fit, load
from pmf_minimal.beyond.mixture import Mixture
from pmf_minimal.beyond.neighbours import Propagation
from pmf_minimal.beyond.self_training import CautiousPairs
from pmf_minimal.beyond.wrong_seeds import drop_wrong_seeds, judge, p_values, wrong_probability
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets.faults import replace_seeds


@pytest.fixture(scope="module")
def graphs():
    return load("synthetic/clean").split(0)


def is_right(graphs, pairs):
    """bool ``[P]``: pairs that the graphs know."""
    known = {tuple(pair) for pair in graphs.pairs.tolist()}
    return torch.tensor([tuple(pair) in known for pair in pairs.tolist()])


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_seeds_are_replaced_in_training_and_validation_pairs(graphs, share):
    dirty = replace_seeds(graphs, share, seed=3)
    before, after = (torch.cat([g.train, g.valid]) for g in (graphs, dirty))
    assert (~is_right(graphs, after)).sum() == round(share * len(after))
    assert after[:, 0].equal(before[:, 0]) and after[:, 1].sort().values.equal(before[:, 1].sort().values)
    assert len(dirty.train) == len(graphs.train) and dirty.test.equal(graphs.test)
    assert is_right(graphs, before).all()  # the given graphs stay as they are
    if share:
        assert (~is_right(graphs, dirty.valid)).any() and (~is_right(graphs, dirty.train)).any()
        assert not replace_seeds(graphs, share, seed=4).train.equal(dirty.train)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_none_and_all(graphs, share):
    with pytest.raises(ValueError, match=f"share={share}: give a number from 0 to 1"):
        replace_seeds(graphs, share)


def test_p_values_by_hand():
    """Each pair against the other scores of its row and its column."""
    scores = torch.tensor([[9.0, 1.0, 2.0], [3.0, 0.0, 9.0], [1.0, 5.0, 5.0]])
    # None of four is above 9; 3, 9, 1 and 5 are above 0; 9 is above 5, and the 5 beside it is as large.
    same(p_values(scores), torch.tensor([0.5, 4.5, 2.0]) / 5)


def test_p_values_of_mispairings_are_uniform():
    scores = torch.randn(2000, 2000, generator=torch.Generator().manual_seed(0))
    values = p_values(scores).sort().values
    assert (values - torch.linspace(0, 1, 2000)).abs().max() < 0.05


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.9])
def test_the_share_and_each_probability_are_found_where_the_truth_is_known(share):
    """Right pairs' p-values are Beta(0.2, 8), wrong ones' uniform."""
    g = np.random.default_rng(1)
    n = 5000
    wrong = np.arange(n) < share * n
    values = torch.from_numpy(np.where(wrong, g.uniform(size=n), g.beta(0.2, 8, size=n)).clip(1e-6)).float()
    estimate, probability = wrong_probability(values)
    assert estimate == pytest.approx(share, abs=0.03)
    assert probability.min() >= 0 and probability.max() <= 1
    rising = probability[values.argsort()]
    assert (rising.diff() >= -1e-6).all()
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.9), (0.9, 1.01)):
        inside = (probability >= low) & (probability < high)
        if inside.sum() > 200:  # a probability is how often it comes true
            assert torch.from_numpy(wrong)[inside].float().mean() == pytest.approx(
                float(probability[inside].mean()), abs=0.08
            )


def test_wrong_seeds_are_found_and_right_ones_kept(graphs):
    """The estimate is within .1 of the truth, and what is kept is nearly all right."""
    for share in (0.0, 0.2, 0.5):
        dirty = replace_seeds(graphs, share)
        seeds = torch.cat([dirty.train, dirty.valid])
        estimate, wrong = judge(dirty, seeds, ("attribute", "image"), 0)
        assert estimate == pytest.approx(share, abs=0.1)
        kept, right = wrong < 0.5, is_right(graphs, seeds)
        assert right[kept].float().mean() > 0.93
        assert kept[right].float().mean() > 0.9


def test_what_is_dropped_leaves_training_and_validation_pairs(graphs):
    dirty = replace_seeds(graphs, 0.5)
    kept = drop_wrong_seeds(dirty, ("attribute", "image"), 0)
    assert kept.test.equal(dirty.test) and kept.wrong_share > 0.4
    every = torch.cat([kept.train, kept.valid, kept.dropped])
    same(every[every[:, 0].argsort()], (both := torch.cat([dirty.train, dirty.valid]))[both[:, 0].argsort()])
    assert (~is_right(graphs, kept.dropped)).float().mean() > 0.9
    assert kept.wrong_left == pytest.approx(
        float((~is_right(graphs, torch.cat([kept.train, kept.valid]))).float().mean()), abs=0.05
    )
    clean = drop_wrong_seeds(graphs, ("attribute", "image"), 0)
    assert clean.train.equal(graphs.train) and clean.valid.equal(graphs.valid) and not len(clean.dropped)
    assert clean.wrong_left == 0


class Finds:
    """Stands for a model that finds the counterpart of every entity."""

    def __init__(self, graphs):
        self.graphs = graphs

    def embed(self):
        return {"joint": torch.arange(self.graphs.num_nodes)[:, None] % self.graphs.n_left}


@pytest.mark.parametrize("known", [False, True])
def test_wrong_validation_pairs_do_not_count_against_a_model_if_it_is_known_how_many_there_are(known):
    graphs = twins(n=200, triples=400)
    graphs = graphs.with_split(graphs.pairs[:50], graphs.pairs[50:100], graphs.pairs[100:])
    graphs.valid = graphs.valid.clone()
    graphs.valid[:10, 1] = graphs.valid[:10, 1].roll(1)  # a fifth
    if known:
        graphs.wrong_left = 0.2
    collector = CautiousPairs(graphs, PRESETS["recommended"])
    collector.learn_reliability = lambda model: None

    def sure(model, joint, left, right):
        pairs = graphs.pairs[torch.isin(graphs.pairs[:, 0], left) & torch.isin(graphs.pairs[:, 1], right)]
        return pairs, torch.ones(len(pairs))

    collector._sure = sure
    row = collector.collect(Finds(graphs))
    assert row["estimate"] == pytest.approx(1.0 if known else 0.8, abs=0.02)
    assert row["added"] == (100 if known else 0)


def test_few_seeds_are_not_judged():
    graphs = twins(n=60)
    few = graphs.with_split(graphs.pairs[:12], graphs.pairs[12:15], graphs.pairs[15:])
    kept = drop_wrong_seeds(few, (), 0)
    assert kept.wrong_share == 0 and kept.train.equal(few.train) and kept.valid.equal(few.valid)


def test_a_mixture_learns_from_what_is_kept(graphs, monkeypatch):
    """With half of the seeds wrong it finds four fifths of what it finds with right ones, and more than if it trusted them."""
    settings = {"model": "mixture", "dim": 32, "epochs": 6, "evaluate_every": 3, "lr": 0.01, "iterative_epochs": 2}
    settings |= {"iterative_every": 1, "progress": False}
    hits = {}
    for share in (0.0, 0.5):
        run = fit(replace_seeds(graphs, share), **settings)
        hits[share] = run.evaluate().loc["joint", "Hits@1"].mean()
    last = run.history.dropna(subset=["added"]).iloc[-1]
    assert last["estimate"] == pytest.approx(last["added correct"] / last["judged"], abs=0.1)
    monkeypatch.setattr(Mixture, "prepare", lambda graphs, config: graphs)
    trusting = fit(replace_seeds(graphs, 0.5), **settings)
    assert hits[0.5] > 0.8 * hits[0.0]
    assert hits[0.5] > trusting.evaluate().loc["joint", "Hits@1"].mean() + 0.1


def test_propagation_starts_from_what_is_kept(graphs, monkeypatch):
    """The same, where nothing is learnt but seeds and triples are all there is."""

    def hits(share):
        run = fit(replace_seeds(graphs, share), model="propagation", iterative_epochs=0, progress=False)
        return run.evaluate().loc["joint", "Hits@1"].mean()

    right, judged = hits(0.0), hits(0.5)
    monkeypatch.setattr(Propagation, "prepare", lambda graphs, config: graphs)
    assert hits(0.0) == right
    assert judged > hits(0.5) + 0.05  # a pass from half of the seeds finds less in any case


def test_relations_do_not_count_and_no_neighbours_no_judgement(graphs, monkeypatch):
    seen = []
    monkeypatch.setattr("pmf_minimal.beyond.mixture.drop_wrong_seeds", lambda *a: seen.append(a[1]) or a[0])
    config = Mixture.resolve_config(PRESETS["recommended"])
    Mixture.prepare(graphs, config)
    assert seen == [("attribute", "image")]
    assert Mixture.prepare(graphs, Mixture.resolve_config(config.replace(ablate=True))) is graphs
    assert len(seen) == 1
