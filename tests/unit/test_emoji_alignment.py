"""The emoji pairs as tasks: no modality gives the answer away, and together they beat the best of them."""

import os
import subprocess
import sys
from functools import cache

import pytest
import torch

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.runs.run import fit

MODALITIES = ("structure", "relation", "attribute", "image")


@cache
def hits(dataset, seed, modalities):
    """Test Hits@1 of the joint embedding, mean of both directions, after training with the quick preset."""
    config = PRESETS["quick"].replace(modalities=modalities, seed=seed)
    if len(modalities) == 1:  # a modality that is frozen leaves nothing: alone, each is given all its features
        config = config.replace(scoring="off")
    run = fit(load(dataset), config, device="cpu", progress=False)
    return run.evaluate().loc["joint"]["Hits@1"].mean(), len(run.graphs.test)


@pytest.mark.parametrize("pair", ("fr_en", "ja_en", "zh_en", "de_en"))
def test_each_modality_alone_is_neither_empty_nor_a_leak(pair):
    for modality in MODALITIES:
        value, pairs = hits(f"emoji/{pair}", 0, (modality,))
        assert 5 / pairs < value < 0.6, modality


@pytest.mark.parametrize("seed", (0, 1, 2))
def test_together_they_beat_the_best_single_one(seed):
    best = max(hits("emoji/fr_en", seed, (m,))[0] for m in MODALITIES)
    joint, _ = hits("emoji/fr_en", seed, MODALITIES)
    assert joint > best + 0.1


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_seed_one_result(two_threads):
    """At a size at which PyTorch uses several threads."""
    config = PRESETS["quick"].replace(epochs=6, scoring_start=2)
    first, second = (fit(load("emoji/fr_en"), config, device="cpu", progress=False) for _ in range(2))
    assert first.history.equals(second.history)
    for name, tensor in first.model.state_dict().items():
        assert tensor.equal(second.model.state_dict()[name]), name


def test_the_features_do_not_depend_on_the_process(capsys):
    """Python walks sets of strings in another order in every process; no column may depend on that."""
    code = "from pmf_minimal.datasets import load; g = load('emoji/fr_en'); print([x.double().sum(0).tolist() for x in g.features.values()])"
    environment = os.environ | {"PYTHONHASHSEED": "1"}  # here it is 0, or a random number
    other = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    exec(code)
    assert capsys.readouterr().out == other.stdout
