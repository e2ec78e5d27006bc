"""A training that is interrupted and taken up again ends as if nothing had happened."""

import json

import pandas as pd
import pytest
import torch
from toys import random_pair, tiny

from pmf_minimal.errors import DataError
from pmf_minimal.runs import checkpoints
from pmf_minimal.runs.run import fit
from pmf_minimal.training import Training

KINDS = {
    "plain": {},
    "stages": {"cross_modality": "stages", "epochs": 8},
    "learned": {"loss_weights": "learned", "accumulation": 2},
    "iterative": {"iterative_epochs": 8, "iterative_every": 1, "probation": 2, "batch_size": 12},
    "over epochs": {
        "iterative_epochs": 8,
        "iterative_every": 1,
        "probation": 2,
        "batch_size": 12,
        "schedule": "epochs",
    },
}


def interrupt(config, folder, epochs):
    """Train for some epochs, then save and forget everything else."""
    training = Training(random_pair().split(0), config)
    for _ in range(epochs):
        training.step()
    checkpoints.write(folder, config, *training.state())


@pytest.mark.parametrize("kind", KINDS)
def test_taken_up_again(tmp_path, kind):
    config = tiny(**KINDS[kind])
    whole = fit(random_pair(), config, "cpu", progress=False)
    for epochs in (1, 4, len(whole.history) - 1):
        folder = tmp_path / str(epochs)
        interrupt(config, folder, epochs)
        resumed = fit(random_pair(), config, "cpu", progress=False, checkpoint=folder)
        pd.testing.assert_frame_equal(
            whole.history, resumed.history, check_exact=True, check_like=True, check_dtype=False
        )
        assert whole.best_epoch == resumed.best_epoch
        pairs = zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_finished_is_finished(tmp_path):
    config = tiny()
    first, second = (fit(random_pair(), config, "cpu", False, checkpoint=tmp_path / "state") for _ in range(2))
    pd.testing.assert_frame_equal(first.history, second.history, check_like=True, check_dtype=False)


def test_half_written_is_ignored(tmp_path):
    """A kill while writing leaves parts lying about; the state before is still whole."""
    config = tiny()
    interrupt(config, tmp_path, 2)
    (tmp_path / "state-000004.safetensors.part").write_bytes(b"half")
    (tmp_path / "state-000004.safetensors").write_bytes(b"whole, but not named yet")
    (tmp_path / "state.json.part").write_text('{"tensors": "state-0')
    _, values = checkpoints.read(tmp_path, config)
    assert values["epoch"] == 2
    interrupt(config, tmp_path, 3)
    assert checkpoints.read(tmp_path, config)[1]["epoch"] == 3
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["state-000003.safetensors", "state.json"]


def test_errors(tmp_path):
    config = tiny()
    assert not checkpoints.exists(tmp_path)
    interrupt(config, tmp_path, 1)
    assert checkpoints.exists(tmp_path)
    with pytest.raises(DataError, match=r"state.json: the state of a training with other settings"):
        checkpoints.read(tmp_path, config.replace(seed=1))
    next(tmp_path.glob("*.safetensors")).write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"state.json: not readable as the state of a training .*start anew"):
        checkpoints.read(tmp_path, config)
    (tmp_path / "state.json").write_text(json.dumps({"tensors": "../../elsewhere"}))
    with pytest.raises(DataError, match="not readable"):
        checkpoints.read(tmp_path, config)
