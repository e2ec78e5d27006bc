"""The grid of experiments: cached by content, taken up again after a kill, the same by any number of processes or by Dask."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from pmf_minimal.cli.main import main
from pmf_minimal.config import PRESETS
from pmf_minimal.experiments import cards, runner
from pmf_minimal.experiments.runner import RunSpec

TINY = PRESETS["paper"].replace(
    dim=8, epochs=4, batch_size=200, scoring_start=2, scoring_end=3, evaluate_every=2, lr=0.01
)
CARD = {
    "title": "A small one",
    "question": "Does it run?",
    "chapter": "notebooks/10_ablations",
    "preset": "paper",
    "settings": {"dim": 8, "epochs": 4, "batch_size": 200, "scoring_start": 2, "scoring_end": 3, "evaluate_every": 2},
    "datasets": ["synthetic/foreign"],
    "seeds": 5,
    "variants": {"a": {}, "b": {"scoring": "off"}},
    "claims": [{"claim": 2, "says": "a helps", "rule": [{"more": "a", "less": "b"}]}],
}


@pytest.fixture
def grid():
    return [
        RunSpec("emoji/fr_en+hard", v, TINY.replace(**c)) for v, c in (("PMF", {}), ("oracle", {"scoring": "oracle"}))
    ]


def numbers(table):
    return table.drop(columns="seconds")


def test_a_row_holds_everything(grid, tmp_path):
    table, epochs = runner.run(grid, tmp_path, progress=False)
    assert table["variant"].tolist() == ["PMF", "oracle"]
    row = table.iloc[1]
    assert 0 <= row["Hits@1"] <= row["Hits@10"] <= 1 and row["AUC image"] == 1.0
    assert row["precision image"] == row["recall image"] == 1.0
    config = json.loads(TINY.replace(scoring="oracle").to_json())
    assert row["config.scoring"] == "oracle" and {f"config.{k}" for k in config} <= set(table.columns)
    assert torch.__version__ in row["versions"] and "core" in row["machine"]
    assert epochs.groupby("variant").size().tolist() == [4, 4]
    assert {"frozen image", "threshold image", "precision image"} <= set(epochs.columns)


def test_what_was_run_is_not_run_again(grid, tmp_path, monkeypatch):
    first, _ = runner.run(grid, tmp_path, progress=False)
    monkeypatch.setattr(runner, "run_cell", lambda *args: pytest.fail("it ran again"))
    again, _ = runner.run(grid[::-1], tmp_path, progress=False)
    pd.testing.assert_frame_equal(again.iloc[::-1].reset_index(drop=True), first, check_like=True)


def test_key_depends_on_all_that_counts(grid, monkeypatch):
    cell = grid[0]
    keys = {runner.key(cell)}
    for other in (
        RunSpec("emoji/fr_en+foreign", "PMF", TINY),
        RunSpec("emoji/fr_en+hard", "PMF", TINY.replace(lr=0.02)),
        RunSpec("emoji/fr_en+hard", "PMF", TINY.replace(seed=1)),
    ):
        keys.add(runner.key(other))
    monkeypatch.setattr(runner, "code_fingerprint", lambda model: "other code")
    keys.add(runner.key(cell))
    assert len(keys) == 5
    monkeypatch.undo()
    assert runner.key(RunSpec(cell.dataset, "another name", cell.config)) == runner.key(cell)


def test_fingerprint_of_code_ignores_comments(tmp_path, monkeypatch):
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    monkeypatch.setattr(runner, "imported_files", lambda *modules: files)
    for file in files:
        file.write_text('"""A module."""\nx = 1\n')
    plain = runner.code_fingerprint.__wrapped__()
    files[1].write_text('"""Another text."""\n# a comment\nx  =  1\n')
    assert runner.code_fingerprint.__wrapped__() == plain
    files[1].write_text('"""A module."""\nx = 2\n')
    assert runner.code_fingerprint.__wrapped__() != plain


def test_every_module_that_a_run_imports_is_fingerprinted():
    """Counted by running: what Python has loaded after a run is what the fingerprint must know."""
    code = """
import sys
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.experiments.diagnostics import train_and_measure
config = PRESETS["recommended"].replace(dim=8, epochs=2, iterative_epochs=2, iterative_every=1)
train_and_measure(load("synthetic/foreign"), config)
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith("pmf_minimal") and m.__file__), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(line) for line in done.stdout.split()}
    known = set(
        runner.imported_files("pmf_minimal.datasets", "pmf_minimal.experiments.diagnostics", "pmf_minimal.model")
    )
    assert loaded <= known, loaded - known
    assert {"graphs.py", "config.py", "evidence.py", "benchmarks.py"} <= {file.name for file in known}


def test_seeds_draw_worlds_and_faults_anew():
    prints = {
        runner.data_fingerprint(name, None, seed)
        for name in ("synthetic/foreign", "emoji/fr_en+foreign")
        for seed in (0, 1)
    }
    assert len(prints) == 4
    assert runner.is_synthetic("synthetic/clean") and not runner.is_synthetic("emoji/fr_en")


def test_processes_and_dask_give_the_same(grid, tmp_path):
    distributed = pytest.importorskip("distributed")
    here, _ = runner.run(grid, tmp_path / "one", progress=False)
    two, _ = runner.run(grid, tmp_path / "two", jobs=2, progress=False)
    pd.testing.assert_frame_equal(numbers(two), numbers(here))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        far, _ = runner.run(grid, tmp_path / "dask", dask=cluster.scheduler_address, progress=False)
    pd.testing.assert_frame_equal(numbers(far), numbers(here))


def test_killed_and_taken_up_again(tmp_path):
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD))
    command = [sys.executable, "-m", "pmf_minimal", "experiment", str(tmp_path / "card.yaml"), "--jobs", "1"]
    command += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "cache").glob("*.json"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    done = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").glob("*.json")}
    assert 2 <= len(done) < 10 and not (tmp_path / "out").exists()
    end = subprocess.run(command, capture_output=True, text=True)
    assert end.returncode == 0, end.stderr
    assert "claim 2: a helps" in end.stdout
    assert all(file.stat().st_mtime_ns == at for file, at in done.items())
    assert len(pd.read_csv(tmp_path / "out" / "card.csv")) == 10


def test_command_line_names_the_mistake(tmp_path):
    runner = CliRunner()
    result = runner.invoke(main, ["experiment", "ablation"])
    assert result.exit_code == 2 and "no such card" in result.output
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD | {"settings": {"epochs": 0}}))
    result = runner.invoke(main, ["experiment", str(tmp_path / "card.yaml")])
    assert result.exit_code == 2 and "epochs=0" in result.output


def test_a_stored_run_comes_out_again(tmp_path):
    """One run of every card, the same as stored: within what another machine's arithmetic changes."""
    for name in cards.names():
        card = cards.read(name)
        if name == "long_training":
            continue  # minutes
        first = cards.cells(card)[0].variant
        runs = cards.runs(name).query("dataset in @card['datasets'] and variant == @first and seed == 0")
        stored = runs.loc[runs["seconds"].idxmin()]  # on the graphs on which it takes least
        cell = next(c for c in cards.cells(card) if (c.dataset, c.variant) == (stored["dataset"], first))
        live, _ = runner.run([cell], tmp_path, progress=False)
        assert abs(live["Hits@1"].item() - stored["Hits@1"]) < 0.03, name
