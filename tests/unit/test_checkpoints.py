"""A run that is interrupted and taken up again ends as if nothing had happened."""

import json
import sys

import pandas as pd
import pytest
import torch
from toys import random_pair, tiny

from pmf_minimal.errors import DamagedFile, NotWritable, OtherRun
from pmf_minimal.runs import checkpoints
from pmf_minimal.runs.files import read_tensors, write_tensors
from pmf_minimal.runs.run import fit
from pmf_minimal.scale import memory
from pmf_minimal.training import Training

ITERATIVE = {"iterative_epochs": 8, "iterative_every": 1, "probation": 2, "batch_size": 12}
KINDS = {
    "plain": {},
    "stages": {"cross_modality": "stages", "epochs": 8},
    "learned": {"loss_weights": "learned", "accumulation": 2},
    "iterative": ITERATIVE,
    "over epochs": {**ITERATIVE, "schedule": "epochs"},
    "stopped early": {**ITERATIVE, "lr": 0.0, "patience": 1, "scoring": "off", "epochs": 12},
}


def interrupt(config, folder, epochs, graphs=None):
    """Train for some epochs, then save and forget everything else."""
    training = Training((graphs or random_pair()).split(0), config)
    while len(training.history) < epochs:
        training.run_epoch()
    checkpoints.Keeper(folder, config, training.graphs).write(training)


def resume(config, folder, graphs=None):
    """The training that the folder holds."""
    graphs = (graphs or random_pair()).split(0)
    return checkpoints.Keeper(folder, config, graphs).resume(Training, graphs)


def same_runs(first, second):
    pd.testing.assert_frame_equal(first.history, second.history, check_exact=True, check_like=True, check_dtype=False)
    assert first.best_epoch == second.best_epoch and first.config == second.config
    pairs = zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_taken_up_again(tmp_path, kind):
    config = tiny(**KINDS[kind])
    whole = fit(random_pair(), config, "cpu", progress=False)
    for epochs in (1, 4, len(whole.history) - 1):
        folder = tmp_path / str(epochs)
        interrupt(config, folder, epochs)
        same_runs(whole, fit(random_pair(), config, "cpu", progress=False, checkpoint=folder))


def test_finished_is_finished(tmp_path):
    config = tiny()
    first, second = (fit(random_pair(), config, "cpu", progress=False, checkpoint=tmp_path / "state") for _ in range(2))
    same_runs(first, second)


def test_half_written_is_ignored(tmp_path):
    """A kill while writing leaves parts lying about; the state before is still whole."""
    config = tiny()
    assert resume(config, tmp_path) is None
    interrupt(config, tmp_path, 2)
    (tmp_path / "state-000004.safetensors.part").write_bytes(b"half")
    (tmp_path / "state.json.part").write_text('{"tensors": "state-0')
    write_tensors(tmp_path / "state-000004.safetensors", {"whole, but not named yet": torch.zeros(1)})
    assert resume(config, tmp_path).epoch == 2
    interrupt(config, tmp_path, 3)
    assert resume(config, tmp_path).epoch == 3
    assert {"state-000003.safetensors", "state.json"} == {p.name for p in tmp_path.iterdir() if p.suffix != ".part"}


def test_files_of_somebody_else_stay(tmp_path):
    mine = {
        "state-of-the-art.tex": b"chapter",
        "state-000001.safetensors": b"mine too",
        ".writable": b"",
        "a.json": b"{}",
    }
    for name, text in mine.items():
        (tmp_path / name).write_bytes(text)
    (tmp_path / "state-folder").mkdir()
    fit(random_pair(), tiny(), "cpu", progress=False, checkpoint=tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in mine} == mine
    names = {p.name for p in tmp_path.iterdir()} - mine.keys()
    assert names == {"state-folder", "state.json", "state-000006.safetensors"}


def test_no_place_for_checkpoints_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "run_epoch", lambda self: pytest.fail("trained"))
    (tmp_path / "file").touch()
    for place, reason in ((tmp_path / "file", "exists"), (tmp_path / "file" / "below", "Not a directory")):
        with pytest.raises(NotWritable, match=f"{place}: no place for checkpoints .*{reason}.*name another folder"):
            fit(random_pair(), tiny(), "cpu", progress=False, checkpoint=place)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is Unix's")
def test_a_full_disk_leaves_the_state_before(tmp_path):
    import resource

    config = tiny()
    interrupt(config, tmp_path, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        for place, epoch, then in (
            (tmp_path, 4, "goes on from the state before"),
            (tmp_path / "new", 2, "starts anew"),
        ):
            told = rf"the state after epoch {epoch} cannot be written \(.*\); make room, and the same command {then}"
            with pytest.raises(NotWritable, match=told):
                fit(random_pair(), config, "cpu", progress=False, checkpoint=place)
            assert not [*place.glob("*.part")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert resume(config, tmp_path).epoch == 2


@pytest.mark.parametrize(
    ("config", "graphs", "says"),
    [
        (tiny(seed=1), None, "the state of a run with other settings; remove the folder or name another one"),
        (tiny(), random_pair(seed=1), "the state of a run on other data"),
    ],
)
def test_a_state_of_another_run_is_refused(tmp_path, config, graphs, says):
    interrupt(tiny(), tmp_path, 1)
    with pytest.raises(OtherRun, match=f"state.json: {says}"):
        resume(config, tmp_path, graphs)


def test_other_features_or_another_split_are_other_data(tmp_path):
    graphs = random_pair()
    interrupt(tiny(), tmp_path, 1)
    graphs.features["image"][3] += 1e-3
    for other in (graphs.split(0), random_pair().split(1)):
        with pytest.raises(OtherRun, match="other data"):
            checkpoints.Keeper(tmp_path, tiny(), other).resume(Training, other)


DAMAGE = [
    *((("values", name), "x") for name in (*checkpoints.VALUES, "steps", "rates", "graphs", "step") if name != "status"),
    (("values", "history"), [1, 2]), (("values", "history"), [{"loss": 1.0}]), (("values", "rates"), ["x"]),
    (("values", "rates"), []), (("values", "epoch"), True), (("values", "epoch"), 1.5), (("values",), None), (("tensors",), "../../elsewhere"),
    (("tensors",), 5), (("batch",), {"batch_size": 0}), (("batch",), {"no_such": 1}), (("batch",), 5),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), DAMAGE, ids=str)
def test_a_damaged_state_is_one_sentence(tmp_path, place, value):
    interrupt(tiny(), tmp_path, 1)
    path = tmp_path / "state.json"
    facts = json.loads(path.read_text())
    inner = facts
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(facts))
    with pytest.raises(
        DamagedFile, match="state.json: not readable as the state of a run .*; remove the folder"
    ) as caught:
        resume(tiny(), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("group", ["model", "best", "optimiser", "probation"])
def test_damaged_tensors_are_one_sentence(tmp_path, group):
    interrupt(tiny(), tmp_path, 1)
    path = tmp_path / "state-000001.safetensors"
    tensors = read_tensors(path)
    write_tensors(path, {k: v for k, v in tensors.items() if not k.startswith(f"{group}.")})
    with pytest.raises(DamagedFile, match="state.json: not readable as the state of a run"):
        resume(tiny(), tmp_path)
    path.write_bytes(b"damaged")
    with pytest.raises(DamagedFile, match="state.json: not readable as the state of a run"):
        resume(tiny(), tmp_path)
    path.unlink()
    with pytest.raises(DamagedFile, match="state.json: not readable .* remove the folder to start anew"):
        resume(tiny(), tmp_path)


# --- Batches that were halved ---------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def kill_at(epoch):
    def callback(training):
        if training.epoch == epoch:
            raise Killed

    return callback


def test_resume_after_memory_ran_out(tmp_path, monkeypatch):
    """The state says which batches it was trained with, whatever there is room for now."""
    honest, config = Training._train, tiny(batch_size=20)

    def train(self, generator):
        if self.config.batch_size > 5:
            raise torch.OutOfMemoryError("too large")
        return honest(self, generator)

    monkeypatch.setattr(Training, "_train", train)
    with pytest.warns(UserWarning, match="batch_size=5"):
        whole = fit(random_pair(60), config, "cpu", progress=False)
    with pytest.warns(UserWarning, match="batch_size=5"), pytest.raises(Killed):
        fit(random_pair(60), config, "cpu", progress=False, checkpoint=tmp_path, callback=kill_at(4))
    monkeypatch.undo()
    again = fit(random_pair(60), config, "cpu", progress=False, checkpoint=tmp_path)
    assert (again.config.batch_size, again.config.accumulation) == (5, 4)
    same_runs(whole, again)


def test_resume_with_another_amount_of_free_memory(tmp_path, monkeypatch):
    config = tiny(batch_size=20, cross_modality="off")
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu": 2 * 4 * 3 * 5 * 5**2)
    with pytest.warns(UserWarning, match="batch_size=5"), pytest.raises(Killed):
        fit(random_pair(60), config, "cpu", progress=False, checkpoint=tmp_path, callback=kill_at(4), fit_memory=True)
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu": 1e12)
    again = fit(random_pair(60), config, "cpu", progress=False, checkpoint=tmp_path, fit_memory=True)
    assert (again.config.batch_size, again.config.accumulation) == (5, 4) and list(again.history.index) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
