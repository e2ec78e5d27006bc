"""Folders of runs say which version wrote them; a newer one is refused in one sentence, not misread."""

import json

import pytest
from pmf_minimal.formats import FORMAT, check
from toys import random_pair, tiny

from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.own import Alignment, restore
from pmf_minimal.runs import checkpoints, run_folder
from pmf_minimal.runs.run import fit

NEWER = rf"format {FORMAT + 1}, this version reads up to {FORMAT}; install a newer"


def rewrite(path, **changes):
    """Change entries of a JSON file; None takes one out."""
    facts = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))
    return path.read_text()


@pytest.fixture(scope="module")
def config():
    return tiny(epochs=2, scoring="off", freezing="off", fusion="evidence")


@pytest.fixture
def folder(config, tmp_path):
    run = fit(random_pair(), config, "cpu", progress=False, checkpoint=tmp_path / "state")
    run_folder.save(run, tmp_path / "run")
    run_folder.save_alignment(run, Alignment(run), tmp_path / "own", 0.9)
    return tmp_path


def test_every_file_says_its_version(folder):
    for name in ("run/config.json", "run/metrics.json", "own/config.json", "own/run.json", "state/state.json"):
        assert json.loads((folder / name).read_text())["format"] == FORMAT


def test_settings(folder, config):
    path = folder / "run" / "config.json"
    assert PMFConfig.from_json(path.read_text()) == config
    assert PMFConfig.from_json(rewrite(path, format=None)) == config  # written before files said their version
    with pytest.raises(DataError, match=f"config.json: {NEWER}"):
        PMFConfig.from_json(rewrite(path, format=FORMAT + 1, a_field_of_the_future=1))


def test_figures(folder):
    path = folder / "run" / "metrics.json"
    assert "joint" in run_folder.table(json.loads(path.read_text())).index
    with pytest.raises(DataError, match=f"metrics.json: {NEWER}"):
        run_folder.table(json.loads(rewrite(path, format=FORMAT + 1, test=None)))


def test_state(folder, config):
    path = folder / "state" / "state.json"
    rewrite(path, format=None)
    assert checkpoints.read(path.parent, config)[1]["epoch"] == 2
    rewrite(path, format=FORMAT + 1, tensors=None)
    with pytest.raises(DataError, match=f"state.json: {NEWER}"):
        checkpoints.read(path.parent, config)


def test_own_graphs(folder):
    graphs, path = random_pair(), folder / "own" / "run.json"
    assert restore(path.parent, graphs)[1] == 0.9
    rewrite(path, format=1)
    with pytest.raises(DataError, match=r"run.json: format 1, this version reads from 2 on"):
        restore(path.parent, graphs)
    rewrite(path, format=FORMAT + 1, graphs=None)
    with pytest.raises(DataError, match=f"run.json: {NEWER}"):
        restore(path.parent, graphs)


def test_older_is_read_as_long_as_it_can_be():
    check({}, "a.json")
    check({"format": FORMAT}, "a.json", oldest=FORMAT)
    with pytest.raises(DataError, match=r"a.json: format 1, this version reads from 2"):
        check({}, "a.json", oldest=2)
