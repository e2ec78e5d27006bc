"""The grid of experiments: cached by content, taken up again after a kill, the same by any number of processes or by Dask."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from pmf_minimal.cli import experiment
from pmf_minimal.cli.main import main
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import folders, load
from pmf_minimal.errors import DataError, DataWarning, Diverged
from pmf_minimal.experiments import cache, cards, fingerprints, runner, splits, tables
from pmf_minimal.experiments.runner import RunSpec
from pmf_minimal.runs import code as run_code

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
        RunSpec("emoji/fr_en+hard", v, TINY.replace(**c)) for v, c in (("PMF", {}), ("oracle", {"scorer": "oracle"}))
    ]


def numbers(table):
    return table.drop(columns="seconds")


def test_a_row_holds_everything(grid, tmp_path):
    table, epochs = runner.run(grid, tmp_path, progress=False)
    assert table["variant"].tolist() == ["PMF", "oracle"]
    row = table.iloc[1]
    assert 0 <= row["Hits@1"] <= row["Hits@10"] <= 1 and row["AUC image"] == 1.0
    assert row["precision image"] == row["recall image"] == 1.0
    config = json.loads(TINY.replace(scorer="oracle").to_json())
    assert row["config.scorer"] == "oracle" and {f"config.{k}" for k in config} <= set(table.columns)
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
        RunSpec("emoji/fr_en+hard", "PMF", TINY, readings={"CSLS": {"csls_rounds": 1}}),
    ):
        keys.add(runner.key(other))
    newer = fingerprints.versions() | {"torch": "99.0"}
    for name, value in (
        ("code_fingerprint", lambda *model: "other code"),
        ("versions", lambda: newer),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(fingerprints, name, value)
            keys.add(runner.key(cell))
    with monkeypatch.context() as patch:
        patch.setattr(runner, "pick_device", lambda name: torch.device("cuda"))
        keys.add(runner.key(cell, device="cuda"))
    assert len(keys) == 8
    assert runner.key(RunSpec(cell.dataset, "another name", cell.config)) == runner.key(cell)
    assert {"torch", "torch-geometric", "numpy"} <= fingerprints.versions().keys()


def test_fingerprint_of_code_ignores_comments(tmp_path, monkeypatch):
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    monkeypatch.setattr(run_code, "imported_files", lambda *modules: files)
    for file in files:
        file.write_text('"""A module."""\nx = 1\n')
    plain = run_code.modules_fingerprint.__wrapped__("pmf_minimal.model")
    files[1].write_text('"""Another text."""\n# a comment\nx  =  1\n')
    assert run_code.modules_fingerprint.__wrapped__("pmf_minimal.model") == plain
    files[1].write_text('"""A module."""\nx = 2\n')
    assert run_code.modules_fingerprint.__wrapped__("pmf_minimal.model") != plain


def test_every_module_that_a_run_imports_is_fingerprinted():
    """Counted by running: what Python has loaded after a run is what the fingerprint must know."""
    code = """
import sys
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import folders, load
from pmf_minimal.experiments.diagnostics import train_and_measure
config = PRESETS["recommended"].replace(model="pmf", dim=8, epochs=2, iterative_epochs=2, iterative_every=1)
train_and_measure(load("synthetic/foreign"), config)
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith("pmf_minimal") and m.__file__), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = Path(runner.__file__).parents[1]  # PyG writes a module of its own for each of our layers, elsewhere
    loaded = {path for path in map(Path, done.stdout.split()) if path.is_relative_to(package)}
    known = set(run_code.imported_files(*fingerprints.RESULT_MODULES, "pmf_minimal.model"))
    assert loaded <= known, loaded - known
    assert {"graphs.py", "config.py", "evidence.py", "benchmarks.py", "splits.py"} <= {file.name for file in known}


def test_seeds_draw_worlds_and_faults_anew():
    prints = {
        fingerprints.data_fingerprint(name, None, seed)
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
    words = ["experiment", str(tmp_path / "card.yaml"), "--jobs", "1"]
    words += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "pmf_minimal", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "cache").glob("*.json"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    done = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").glob("*.json")}
    assert 2 <= len(done) < 10 and not (tmp_path / "out").exists()
    end = CliRunner().invoke(main, words)
    assert end.exit_code == 0, end.output
    assert "claim 2: a helps" in end.output
    assert all(file.stat().st_mtime_ns == at for file, at in done.items())
    assert len(pd.read_csv(tmp_path / "out" / "card.csv")) == 10


@pytest.mark.parametrize("content", ["", "{", '{"measures": {}}', "[]", '"x"', "\x00\xff", "[" * 100_000])
def test_a_damaged_result_is_named_and_run_again(grid, tmp_path, content):
    cell = RunSpec("synthetic/clean", "a", TINY.replace(epochs=1))
    file = tmp_path / f"{runner.key(cell)}.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.warns(DataWarning, match=f"{file.name}: damaged, so this run is made again"):
        table, _ = runner.run([cell], tmp_path, progress=False)
    assert len(table) == 1 and cache.read(file)["measures"]["Hits@1"] == table["Hits@1"].item()


def test_a_result_reaches_the_disk_before_its_name(tmp_path, monkeypatch):
    order = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("sync"))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("rename"), replace(*names)))
    cache.write(tmp_path / "a.json", {"measures": {}})
    assert order == ["sync", "rename"]


def test_a_full_disk_is_said_in_one_sentence(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"a\.json: cannot be written \(No space left on device\); what was run before"):
        cache.write(tmp_path / "a.json", {"measures": {}})
    assert not (tmp_path / "a.json").exists()


HOLD = """
import sys, time
from pathlib import Path
from pmf_minimal.datasets import folders
with folders.exclusive(Path(sys.argv[1]) / "lock", "x"):
    print("locked", flush=True)
    time.sleep(120)
"""


def test_two_experiments_exclude_each_other_and_a_killed_one_does_not(grid, tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(DataError, match=rf"another process writes there \({other.pid}\)"):
            runner.run(grid, tmp_path, progress=False)
        assert not list(tmp_path.glob("*.json"))
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    with folders.exclusive(tmp_path / "lock", "x"):
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()


def command(tmp_path, *options, card=CARD, name="card"):
    """The command line on a card; no run may be made."""
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(card))
    given = ["experiment", str(tmp_path / f"{name}.yaml"), "--jobs", "1", "--cache", str(tmp_path / "cache"), *options]
    return CliRunner().invoke(main, given)


@pytest.fixture
def no_runs(monkeypatch):
    monkeypatch.setattr(runner, "run_cell", lambda *args: pytest.fail("something ran"))


def test_command_line_names_the_mistake(tmp_path, no_runs):
    result = CliRunner().invoke(main, ["experiment", "ablation"])
    assert result.exit_code == 2 and "no such card" in result.output
    result = command(tmp_path, card=CARD | {"settings": {"epochs": 0}})
    assert result.exit_code == 2 and "card.yaml: settings: epochs=0" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jobs", "0"], "jobs=0: give a number of processes"),
        (["--device", "tpu"], "device 'tpu'"),
        (["--dask", "nowhere"], "dask=nowhere: no scheduler answers there"),
        (["--dask", ""], "dask='': no address of a Dask scheduler; an address looks like tcp://"),
        (["--cache", "FILE"], "FILE: no folder to write in"),
        (["--out", "FILE"], "FILE: is there already"),
        (["--out", "FILE/below"], "no folder can be made there"),
        (["--store"], "only the runs of the book's own cards can be stored"),
        (["--tune"], "this card has no `tuning`"),
        (["FOLDER/card.yaml"], "card: two of the cards have this name"),
        (["shipped_split", "--root", "FOLDER"], "no such folder; openea/en_fr_v1 is expected there"),
        (["no_such_card"], "no such card"),
    ],
)
def test_options_are_refused_before_anything_runs(tmp_path, no_runs, options, words):
    (tmp_path / "file").write_text("precious")
    named = {"FILE": str(tmp_path / "file"), "FOLDER": str(tmp_path)}
    for short, path in named.items():
        options = [option.replace(short, path) for option in options]
        words = words.replace(short, path)
    result = command(tmp_path, *options)
    last = result.output.strip().splitlines()[-1]
    assert result.exit_code == 2 and last.startswith("Error: ") and words in last, result.output
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_share": 1.0}, "synthetic/foreign, a, random seed 0: "),
        ({"modalities": ["char"]}, "of char the model can use none of these graphs'"),
        ({"model": "mmea", "modalities": ["char"]}, "random seed 0: "),
    ],
)
def test_data_that_do_not_fit_are_refused_before_anything_runs(tmp_path, no_runs, change, words):
    result = command(tmp_path, card=CARD | {"settings": change})
    assert result.exit_code == 2 and words in result.output, result.output
    assert not (tmp_path / "cache").exists()


def test_tables_stand_in_a_new_folder(tmp_path):
    short = CARD | {"settings": {"dim": 4, "epochs": 1}, "variants": {"a": {}, "b": {"scoring": "off"}}}
    result = command(tmp_path, "--out", str(tmp_path / "out"), card=short)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["card.csv", "card.history.csv"]
    assert not list(tmp_path.glob("out.*"))  # no part, no lock
    (tmp_path / "out" / "card.csv").write_text("precious")
    result = command(tmp_path, "--out", str(tmp_path / "out"), card=short)
    assert result.exit_code == 2 and "is there already" in result.output
    assert (tmp_path / "out" / "card.csv").read_text() == "precious"


def test_a_run_that_fails_says_which(grid, tmp_path, monkeypatch):
    def fail(*args):
        raise DataError("the data are odd")

    monkeypatch.setattr(runner, "train_and_measure", fail)
    with pytest.raises(DataError, match=r"emoji/fr_en\+hard, PMF, random seed 0: the data are odd"):
        runner.run(grid, tmp_path, progress=False)


def test_one_model_is_read_in_several_ways(tmp_path):
    readings = {"CSLS twice": {"csls_rounds": 2}, "as trained": {"csls_rounds": 0}, "all": {"candidates": "all"}}
    cell = RunSpec("synthetic/clean", "a", TINY, readings=readings)
    table, _ = runner.run([cell], tmp_path, progress=False)
    row = table.iloc[0]
    for metric in ("Hits@1", "Hits@10", "MRR"):
        assert row[f"{metric}, as trained"] == pytest.approx(row[metric])
        for name in readings:
            both = [row[f"{metric}, {name}, {way}"] for way in ("left to right", "right to left")]
            assert row[f"{metric}, {name}"] == pytest.approx(sum(both) / 2)
    assert row["Hits@1, all"] < row["Hits@1"] and row["Hits@1, CSLS twice"] != row["Hits@1"]


@pytest.fixture
def shipped(tmp_path):
    """A split of emoji/fr_en as a file, and the pairs that it has."""
    graphs = load("emoji/fr_en")
    rows = graphs.source_ids[graphs.pairs].tolist()
    table = pd.DataFrame(rows, columns=["left", "right"]).assign(
        split=["train" if k % 3 else "test" for k in range(len(rows))]
    )
    table.to_csv(tmp_path / "split.csv", index=False)
    return graphs, table


def test_a_shipped_split(shipped, tmp_path, monkeypatch):
    graphs, table = shipped
    split = splits.shipped_split(graphs, tmp_path / "split.csv", 0, 0.2)
    assert (
        graphs.source_ids[split.test].tolist() == table.query("split == 'test'")[["left", "right"]].to_numpy().tolist()
    )
    known = torch.cat([split.train, split.valid])
    assert sorted(graphs.source_ids[known].tolist()) == sorted(
        table.query("split == 'train'")[["left", "right"]].to_numpy().tolist()
    )
    assert len(split.valid) == round(0.2 * len(known))
    again, other = (splits.shipped_split(graphs, tmp_path / "split.csv", seed, 0.2) for seed in (0, 1))
    assert again.valid.equal(split.valid) and not other.valid.equal(split.valid) and other.test.equal(split.test)
    # a run trains on it, and its name knows the file's content
    cell = RunSpec("emoji/fr_en", "a", TINY.replace(epochs=1), split="split.csv")
    name = runner.key(cell, tmp_path)
    runner.run([cell], tmp_path / "cache", root=tmp_path, progress=False)
    assert (tmp_path / "cache" / f"{name}.json").exists()
    table.iloc[::-1].to_csv(tmp_path / "split.csv", index=False)
    assert runner.key(cell, tmp_path) != name != runner.key(RunSpec("emoji/fr_en", "a", cell.config), tmp_path)
    monkeypatch.delenv("PMF_DATA", raising=False)
    with pytest.raises(DataError, match="name it with --root"):
        runner.check([cell])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "put the split there"),
        ("", "the file is empty"),
        ("left,right\n1,2\n", ":1: the columns have to be"),
        ("left,right,split\n0,99999999,train\n", ":2: 0, 99999999 is no pair of entities"),
        ("left,right,split\n1,2,valid\n", ":2: 'valid' is neither train nor test"),
        ('left,right,split\n"1', "not a table"),
        ('left,right,split\n1,2,"\n",3,train\n1,2,train\n', "more fields than columns"),
        ("left,right,split\n", "it needs pairs for training and for testing"),
    ],
)
def test_bad_splits_are_named(tmp_path, text, words):
    if text is not None:
        (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError, match="split.csv") as error:
        splits.shipped_split(load("emoji/fr_en"), tmp_path / "split.csv", 0, 0.2)
    assert words in str(error.value)


def test_tuning_from_the_command_line(tmp_path, monkeypatch):
    """Four rates, and further ones until the best is neither the smallest nor the largest."""
    tuning = {"lr": [0.001, 0.01, 0.1, 1.0], "datasets": ["synthetic/foreign"], "seeds": 2}
    short = CARD | {"settings": {"dim": 4, "epochs": 2, "evaluate_every": 1, "scoring": "off"}, "tuning": tuning}
    short |= {"variants": {"a": {}}, "claims": []}
    refused = command(tmp_path, card=short)
    assert refused.exit_code == 2 and "no rate is chosen yet for a on synthetic" in refused.output

    def run(cells, cache, **_):  # the best rate is near 1, the largest of the card's
        rows = [
            {"dataset": c.dataset, "variant": c.variant, "seed": c.config.seed, "config.lr": c.config.lr}
            | {"valid MRR": 1 / (1 + abs(np.log10(c.config.lr) - 0.1))}
            for c in cells
        ]
        return pd.DataFrame(rows), pd.DataFrame()

    monkeypatch.setattr(runner, "run", run)
    result = command(tmp_path, "--tune", "--out", str(tmp_path / "out"), card=short)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "out" / "card.tuning.csv")
    assert table["config.lr"].tolist() == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1, 1.0, 1.0, 10.0, 10.0]
    assert set(table["seed"]) == {100, 101} and "2 further runs" in result.output


def test_all_cards_are_those_whose_rates_are_chosen(monkeypatch, capsys):
    """A card that waits for its rates does not stop the others; asked for by its name it is refused."""
    card = cards.read("ablations_paper")
    monkeypatch.setattr(
        cards, "read", lambda name: {"title": name} if name != "ablations_paper" else card | {"rates": {}}
    )
    names = experiment._all(tune=False, more=False)
    assert "ablations_paper" not in names and {"ablations", "systems"} <= set(names)
    assert "left out, since their rates are not chosen yet (--tune --store): ablations_paper" in capsys.readouterr().out
    assert experiment._all(tune=True, more=False) == ["ablations_paper"]


def test_a_rate_that_diverges_finds_nothing():
    """In a tuning it counts as 0; in a run that is reported it is an error."""
    (cell,) = [c for c in cards.cells(cards.read("times")) if (c.dataset, c.variant) == ("synthetic/clean", "EVA")][:1]
    wild = replace(cell, config=cell.config.replace(lr=1e9, epochs=4, dim=4))
    assert runner.run_cell(replace(wild, may_diverge=True))["measures"] == {"valid MRR": 0.0}
    with pytest.raises(Diverged):
        runner.run_cell(wild)


def test_a_stored_run_comes_out_again(tmp_path):
    """One run of every card, the same as stored: within what another machine's arithmetic changes."""
    for name in cards.names():
        card = cards.read(name)
        # Minutes, no runs to compare with, and data that are not ours to pass on.
        if name in ("long_training", "surface_text", "shipped_split", "trainings_paper"):
            continue
        if not (tables.CARDS / f"{name}.csv").is_file():  # its rule is written, its runs are to come
            continue
        first = cards.cells(card)[0].variant
        runs = cards.runs(name).query("dataset in @card['datasets'] and variant == @first and seed == 0")
        stored = runs.loc[runs["seconds"].idxmin()]  # on the graphs on which it takes least
        cell = next(c for c in cards.cells(card) if (c.dataset, c.variant) == (stored["dataset"], first))
        live, _ = runner.run([cell], tmp_path, progress=False)
        assert abs(live["Hits@1"].item() - stored["Hits@1"]) < 0.03, name
