"""Trained modalities and the neighbours by propagation: what is seen by whom, and what is kept."""

import pytest
import torch
from toys import same, tiny, twins

from pmf_minimal import fit, load_run
from pmf_minimal.beyond import mixture
from pmf_minimal.beyond.mixture import NEIGHBOURS, Mixture
from pmf_minimal.beyond.propagation import propagate
from pmf_minimal.config import PRESETS

SETTINGS = {
    "dim": 16, "epochs": 2, "evaluate_every": 1, "iterative_epochs": 2, "iterative_every": 1, "lr": 0.01, "progress": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def graphs():
    graphs = twins(n=200, triples=800, missing=0.1)
    return graphs.with_split(graphs.pairs[:50], graphs.pairs[50:80], graphs.pairs[80:])


def seeds_of(model):
    partner = model.encoders[NEIGHBOURS].partner
    left = (partner[: model.graphs.n_left] >= 0).nonzero().ravel()
    return {(int(i), int(partner[i])) for i in left}


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


@pytest.fixture(scope="module")
def runs(graphs):
    """A run, and the seeds of the features by which reliability was learnt, each time."""
    seen, learn = [], mixture.learn
    with pytest.MonkeyPatch.context() as patch:

        def watch(h, graphs, *more):
            seen.append(h[NEIGHBOURS].clone())
            return learn(h, graphs, *more)

        patch.setattr(mixture, "learn", watch)
        return fit(graphs, model="mixture", **SETTINGS), seen


def test_validation_pairs_are_no_seeds_of_the_features_that_they_judge(graphs, runs):
    run, seen = runs
    assert len(seen) == 3  # two rounds, and the end
    # The first round knows the training pairs only.
    same(seen[0], propagate(graphs, graphs.train, dim=mixture.DIM, returning=False))
    valid = as_set(graphs.valid)
    known = seeds_of(run.model)
    assert as_set(graphs.train) <= known and valid <= known  # for prediction all are
    without = torch.tensor(sorted(known - valid))
    same(seen[-1], propagate(graphs, without, dim=mixture.DIM, returning=False))
    same(
        run.model.encode()[NEIGHBOURS],
        propagate(graphs, torch.tensor(sorted(known)), dim=mixture.DIM, returning=False),
    )


def test_no_loss_sees_what_is_given(graphs):
    config = Mixture.resolve_config(tiny(model="mixture"))
    model = Mixture(graphs, config)
    assert model.modalities == ("structure", NEIGHBOURS)
    assert set(model.losses(graphs.train)) == {("structure",), ("joint",)}
    assert not [p for name, p in model.named_parameters() if name.startswith("_encoders.1")]
    assert model.embed()["joint"].shape == (graphs.num_nodes, config.dim + mixture.DIM)
    assert NEIGHBOURS not in graphs.modalities


def test_pairs_of_its_own_are_propagated(graphs, runs):
    run, _ = runs
    rounds = run.history.dropna(subset=["added"])
    assert len(rounds) == 2 and (rounds["added"] > 40).all()
    assert (rounds["added correct"] > 0.9 * rounds["judged"]).all() and (rounds["estimate"] >= 0.9).all()
    assert len(seeds_of(run.model)) > len(graphs.train) + len(graphs.valid) + 40
    assert run.evaluate().loc["joint", "Hits@1"].mean() > 0.8


def test_nothing_is_trained_where_neighbours_are_all_there_is(graphs):
    run = fit(graphs, model="mixture", modalities=("neighbours",), **SETTINGS | {"beta": {"neighbours": 0.1}})
    assert run.model.modalities == (NEIGHBOURS,) and not [*run.model.parameters()]
    assert run.evaluate().loc["joint", "Hits@1"].mean() > 0.5


def test_neighbours_join_where_structure_counts():
    preset = PRESETS["recommended"]
    assert Mixture.resolve_config(preset).modalities == (*preset.modalities, NEIGHBOURS)
    assert Mixture.resolve_config(preset.with_modalities(("image",))).modalities == ("image",)


def test_without_neighbours_evidence_is_left(graphs):
    run = fit(graphs, model="mixture", ablate=True, **SETTINGS)
    plain = fit(graphs, "recommended", model="pmf", **SETTINGS)
    assert run.model.modalities == ("structure",)
    same(run.embeddings()["joint"], plain.embeddings()["joint"])


def test_a_saved_mixture_is_loaded_and_a_halted_one_goes_on(graphs, runs, tmp_path):
    run, _ = runs
    run.save(tmp_path / "run")
    loaded = load_run(tmp_path / "run", graphs)
    assert loaded.embeddings()["joint"].equal(run.embeddings()["joint"])
    assert loaded.evaluate().equals(run.evaluate())

    def halt(training):
        if training.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(graphs, model="mixture", **SETTINGS, checkpoint=tmp_path / "state", callback=halt)
    resumed = fit(graphs, model="mixture", **SETTINGS, checkpoint=tmp_path / "state")
    assert resumed.embeddings()["joint"].equal(run.embeddings()["joint"]) and resumed.history.equals(run.history)
