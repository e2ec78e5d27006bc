"""Training at the level of behaviour: reproducible, honest, and on schedule."""

import math

import pandas as pd
import pytest
import torch
from toys import random_pair, same, tiny

from pmf_minimal.config import PRESETS
from pmf_minimal.errors import Diverged
from pmf_minimal.model import PMF
from pmf_minimal.runs.run import fit
from pmf_minimal.scale.schedules import learning_rate
from pmf_minimal.training import Training


def train(graphs=None, **changes):
    return fit(graphs or random_pair(), tiny(**changes), device="cpu", progress=False)


@pytest.fixture(scope="module")
def run():
    return train()


def test_learning_rate():
    """Up in a line, down in half a cosine, and never up again."""
    rates = [learning_rate(s, 100, 0.15) for s in range(101)]
    peak = rates.index(max(rates))
    assert 14 <= peak <= 15 and max(rates) == pytest.approx(1, abs=0.1)
    steps_up = [b - a for a, b in zip(rates[:peak], rates[1 : peak + 1], strict=True)]
    assert max(steps_up) - min(steps_up) < 1e-9 and steps_up[0] > 0
    assert all(b < a for a, b in zip(rates[peak:], rates[peak + 1 :], strict=False))
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[15 + 85 // 2] == pytest.approx(0.5, abs=0.02)
    assert learning_rate(0, 10, 0.0) == 1


def test_same_seed_same_run(run):
    again = train()
    pd.testing.assert_frame_equal(run.history, again.history, check_exact=True)
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True)
    )
    pd.testing.assert_frame_equal(run.evaluate(), again.evaluate(), check_exact=True)


def test_other_seed_other_run(run):
    other = train(seed=1)
    assert not run.history["loss"].equals(other.history["loss"])
    assert not torch.equal(run.graphs.test, other.graphs.test)


def test_global_randomness_plays_no_part(run):
    torch.manual_seed(12345)
    state = torch.get_rng_state()
    pd.testing.assert_frame_equal(run.history, train().history, check_exact=True)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    "changes", [{}, {"scorer": "shuffled"}, {"iterative_epochs": 4, "iterative_every": 1, "probation": 2}]
)
def test_test_pairs_are_not_read(changes):
    """Other counterparts in the test set, and nothing changes but what is for the record only."""
    graphs = random_pair().split(0)
    wrong = graphs.test.clone()
    wrong[:, 1] = wrong[:, 1].roll(1)
    honest, misled = (train(g, **changes) for g in (graphs, graphs.with_split(graphs.train, graphs.valid, wrong)))
    record = ["added correct"] if "iterative_epochs" in changes else []
    pd.testing.assert_frame_equal(
        honest.history.drop(columns=record), misled.history.drop(columns=record), check_exact=True
    )
    assert honest.best_epoch == misled.best_epoch


def test_released_reads_them():
    """The opposite control: choosing the epoch on test pairs, as row 16 has it, does show."""
    graphs = random_pair().split(0)
    wrong = graphs.test.clone()
    wrong[:, 1] = wrong[:, 1].roll(1)
    honest, misled = (
        train(g, selection="test") for g in (graphs, graphs.with_split(graphs.train, graphs.valid, wrong))
    )
    assert not honest.history["test MRR"].equals(misled.history["test MRR"])


def test_history(run):
    history = run.history
    assert list(history.index) == [1, 2, 3, 4, 5, 6]
    scored = history.index[history["threshold image"].notna()]
    assert list(scored) == [2, 3, 4]
    same(torch.tensor(history["threshold image"].dropna().to_list()), [0.1, 0.12, 0.144])
    assert list(history.index[history["valid MRR"].notna()]) == [2, 4, 6]
    assert history["frozen image"].between(0, 1).all() and history["frozen image"][1] == 0
    assert {"loss", "lr", "loss structure", "loss joint", "loss relation-image"} <= set(history.columns)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"scoring": "off"}, []),
        ({"scoring": "static"}, [2]),
        ({"scorer": "oracle"}, [2, 3, 4]),
        ({"scoring": "static", "scorer": "shuffled"}, [2]),
        ({"scoring_end": 2}, [2]),
    ],
)
def test_when_it_scores(changes, epochs):
    history = train(**changes).history
    found = [] if "threshold image" not in history else list(history.index[history["threshold image"].notna()])
    assert found == epochs


def test_threshold_of_some_modalities():
    """Row 2: only the image's threshold grows."""
    history = train(threshold_grows=("image",), threshold_max=0.11).history
    same(torch.tensor(history["threshold image"].dropna().to_list()), [0.1, 0.11, 0.11])
    assert history["threshold relation"].dropna().to_list() == [0.1] * 3


def test_best_epoch(run):
    """The model returned is that of the best epoch on the validation pairs."""
    looked = run.history["valid MRR"].dropna()
    assert run.best_epoch == looked.idxmax()
    figures = run.evaluate(run.graphs.valid, candidates="all").loc["joint"]
    assert figures["MRR"].mean() == pytest.approx(looked.max())
    assert train(selection="last").best_epoch == 6


STILL = dict(lr=0.0, patience=2, evaluate_every=1, fusion="none", freezing="off")  # nothing is learnt, no score counts


def test_early_stopping():
    """No gain any more: stops after `patience` validations, but not before the last scoring, which is in epoch 4."""
    run = train(**STILL, epochs=40)
    assert list(run.history.index) == [1, 2, 3, 4, 5] and run.best_epoch == 1
    assert len(train(lr=0.0, epochs=12, patience=2, selection="last").history) == 12


def test_where_nothing_is_scored_nothing_holds_back_the_stop():
    assert list(train(**STILL, epochs=40, scoring="off", scoring_end=30).history.index) == [1, 2, 3]


def test_each_phase_stops_by_itself():
    """Iterative learning starts although the first phase stopped early, and has its own patience."""
    run = train(**STILL, epochs=20, scoring="off", iterative_epochs=8, iterative_every=1, probation=1)
    assert list(run.history.index) == [1, 2, 3, 21, 22] and run.best_epoch == 1
    assert run.history["added"].notna().tolist() == [False] * 3 + [True] * 2


def test_iterative_learning_goes_on_from_the_best_state(monkeypatch):
    changes = dict(epochs=30, lr=0.5, patience=3, evaluate_every=1, scoring="off", iterative_epochs=4)
    training = Training(random_pair().split(0), tiny(**changes))
    while training.epoch < 30:
        training.run_epoch()
    assert len(training.history) < 30 and training.best_epoch < training.history[-1]["epoch"]
    best = {k: v.clone() for k, v in training.best.items()}
    assert not all(torch.equal(v, best[k]) for k, v in training.model.state_dict().items())
    seen, begin = [], training.model.begin_epoch

    def watch(*arguments):
        seen.append({k: v.clone() for k, v in training.model.state_dict().items()})
        begin(*arguments)

    monkeypatch.setattr(training.model, "begin_epoch", watch)
    training.run_epoch()
    assert training.history[-1]["epoch"] == 31 and all(torch.equal(v, best[k]) for k, v in seen[0].items())


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
@pytest.mark.parametrize("selection", ["valid", "last"])
def test_what_is_not_finite_has_no_result(name, selection):
    with pytest.raises(Diverged, match=r"^epoch [1-6]: .* is (nan|inf); choose a smaller lr or weight_decay$"):
        train(**{name: 1e9}, selection=selection)


def test_weights_are_looked_at_after_the_last_step(monkeypatch):
    """No loss comes after it that would tell."""

    def step(self, closure=None):
        self.param_groups[0]["params"][-1].data.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(Diverged, match="epoch 1: a weight is nan"):
        train(epochs=1, batch_size=100, selection="last")


def test_one_batch_that_is_not_finite_is_enough(monkeypatch):
    """Also where the others are: a mean would leave it out."""
    honest, calls = PMF.total_loss, []

    def total_loss(self, parts):
        calls.append(1)
        return honest(self, parts) * (float("inf") if len(calls) == 1 else 1)

    monkeypatch.setattr(PMF, "total_loss", total_loss)
    with pytest.raises(Diverged, match="epoch 1: the loss of a batch is inf"):
        train(batch_size=6)


def test_accumulation():
    """Two half batches in one step: as many steps as epochs, and the rate as in training by whole batches."""
    whole, halves = train(batch_size=100), train(batch_size=6, accumulation=2)
    assert len(whole.graphs.train) == 12
    assert whole.history["lr"].equals(halves.history["lr"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulation": 3},
        {"epochs": 20, "batch_size": 5},
        {"cross_modality": "stages"},
        {"schedule": "epochs", "batch_size": 5},
        {"schedule": "epochs", "cross_modality": "stages"},
    ],
)
def test_rate_ends_at_zero(changes):
    """The schedule knows how many steps there are: it arrives at 0 with the last one, and not before."""
    lr = train(warmup=0.0, patience=99, **changes).history["lr"]
    assert lr.iloc[-1] == pytest.approx(0, abs=1e-12) and lr.iloc[-2] > 0


def test_rate_does_not_rise_when_seeds_are_added():
    """Iterative learning makes epochs longer than planned; the cosine must not turn round."""
    changes = dict(iterative_epochs=12, iterative_every=2, probation=1, batch_size=12, warmup=0.0, evaluate_every=100)
    training = Training(random_pair().split(0), tiny(**changes))
    while training.epoch < 18:
        training.run_epoch()
    history = pd.DataFrame(training.history).set_index("epoch")
    assert history["added"].sum() > 0
    assert (history["lr"][7:].diff().dropna() <= 0).all()


def test_a_rate_over_epochs_lives_as_long_as_they_do():
    """However many seeds are added, half of a phase is half of the cosine."""
    changes = dict(iterative_epochs=12, iterative_every=2, probation=1, batch_size=12, warmup=0.0, evaluate_every=100)
    training = Training(random_pair().split(0), tiny(schedule="epochs", **changes))
    while training.epoch < 18:
        training.run_epoch()
    history = pd.DataFrame(training.history).set_index("epoch")
    assert history["added"].sum() > 0
    lr = history["lr"] / training.config.lr
    assert lr[12] == pytest.approx(0.5) and lr[17] > 0 and lr[18] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "symmetric",
        "cross_modality_negatives",
        "cross_modality_over",
        "fusion",
        "freezing",
        "loss_weights",
        "missing",
    ],
)
def test_switches_that_train(name):
    """Each answer of the released code can be turned on alone, trains, and makes a difference."""
    value = {"symmetric": "separate", "cross_modality_negatives": "one", "cross_modality_over": "linked"}
    value |= {"fusion": "keep", "freezing": "row", "loss_weights": "learned", "missing": "bias"}
    history = train(**{name: value[name]}, threshold_start=0.6).history
    assert history["loss"].map(math.isfinite).all()
    assert not history["loss"].equals(train(threshold_start=0.6).history["loss"])


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    """Every preset runs through, whatever its stages, and its losses stay finite."""
    graphs = random_pair().split(0, None, PRESETS[name].valid_share)
    config = PRESETS[name].replace(dim=8, epochs=6, scoring_start=2, scoring_end=4, iterative_epochs=2)
    history = fit(graphs, config, device="cpu", progress=False).history
    assert len(history) == 8 and history["loss"].map(math.isfinite).all()


def test_it_learns():
    """On graphs that resemble each other, far better than chance (1 in 15) and than before."""
    run = train(epochs=40, scoring_end=20, dim=16, batch_size=100)
    figures = run.evaluate()
    assert figures.loc[("joint", "left to right"), "Hits@1"] > 0.5
