"""The command line: what it writes, and that every mistake is one sentence and exit code 2."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from safetensors.torch import load_file
from toys import FILES, random_pair, write

from pmf_minimal.cli.main import main
from pmf_minimal.datasets import DATASETS, benchmarks

SMALL = ["dim=8", "epochs=4", "iterative_epochs=2", "scoring_start=2", "scoring_end=3", "evaluate_every=2"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of benchmarks that holds one small data set."""
    graphs, folder = random_pair(), tmp_path_factory.mktemp("root")
    ids, left = graphs.source_ids, graphs.edge_index[0] < graphs.n_left
    triples = [f"{ids[h]}\t{r}\t{ids[t]}\n" for (h, t), r in zip(graphs.edge_index.T, graphs.edge_type, strict=True)]
    names = [
        f"{i}\thttp://x/resource/{name.replace(' ', '_')}\n" for i, name in zip(ids, graphs.entity_names, strict=True)
    ]
    write(
        folder / "toy",
        {
            "ent_ids_1": "".join(names[: graphs.n_left]),
            "ent_ids_2": "".join(names[graphs.n_left :]),
            "triples_1": "".join(t for t, here in zip(triples, left, strict=True) if here),
            "triples_2": "".join(t for t, here in zip(triples, left, strict=True) if not here),
            "ill_ent_ids": "".join(f"{ids[i]}\t{ids[j]}\n" for i, j in graphs.pairs),
        },
    )
    np.savez(folder / "images.npz", ids=ids.numpy(), features=graphs.features["image"].numpy())
    return folder


@pytest.fixture
def run(root, monkeypatch):
    monkeypatch.setitem(DATASETS, "toy/a_b", benchmarks.Source("toy", 0.5))
    monkeypatch.delenv("PMF_DATA", raising=False)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


def train(run, root, out, *more):
    changes = [part for change in SMALL for part in ("--set", change)]
    return run("train", "toy/a_b", "--root", root, "--images", root / "images.npz", "--out", out, *changes, *more)


def test_train(run, root, tmp_path):
    first, second = train(run, root, tmp_path / "a"), train(run, root, tmp_path / "b")
    assert first.exit_code == 0, first.output
    out = tmp_path / "a"
    names = {"metrics.json", "matches.csv", "history.csv", "model.safetensors", "config.json", "run.json"}
    assert names <= {p.name for p in out.iterdir()}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["dataset"] == "toy/a_b" and metrics["test_pairs"] == 15
    rows = pd.DataFrame(metrics["test"])
    names = {"structure", "relation", "image", "neighbours", "joint", "joint, all candidates"}
    assert set(rows["embedding"]) == names
    assert set(rows["direction"]) == {"left to right", "right to left"} and rows["MRR"].between(0, 1).all()
    matches = pd.read_csv(out / "matches.csv")
    assert len(matches) == 15 and matches["left_id"].is_unique and matches["right_id"].is_unique
    assert (matches["correct"] == (matches["right_id"] - matches["left_id"] == 30)).all()
    assert matches["score"].is_monotonic_decreasing and matches["left_name"][0].startswith("entity ")
    assert list(pd.read_csv(out / "history.csv")["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert json.loads((out / "config.json").read_text())["dim"] == 8
    assert load_file(out / "model.safetensors")["_encoders.0.entities"].shape == (63, 8)
    assert second.exit_code == 0
    for name in ("metrics.json", "matches.csv", "history.csv"):
        assert (out / name).read_text() == (tmp_path / "b" / name).read_text()


def test_seed(run, root, tmp_path):
    train(run, root, tmp_path / "a")
    for out, arguments in (("b", ["--seed", 1]), ("c", ["--set", "seed=1"])):
        assert train(run, root, tmp_path / out, *arguments).exit_code == 0
        assert json.loads((tmp_path / out / "config.json").read_text())["seed"] == 1
    a, b, c = ((tmp_path / out / "matches.csv").read_text() for out in "abc")
    assert a != b and b == c


def test_help(run):
    for arguments in (["--help"], ["-h"], ["train", "--help"]):
        result = run(*arguments)
        assert result.exit_code == 0 and "Usage:" in result.output
    assert all(
        word in run("train", "--help").output for word in ("metrics.json", "--preset", "--set", "--root", "--images")
    )


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["align", "--help"]])
def test_help_answers_at_once(arguments):
    """What makes it slow is not loaded."""
    script = (
        "import runpy, sys\n"
        f"sys.argv = ['pmf_minimal', *{arguments!r}]\n"
        "try:\n    runpy.run_module('pmf_minimal', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "assert not {'torch', 'torch_geometric', 'pandas', 'numpy', 'scipy', 'matplotlib', 'PIL'} & sys.modules.keys()\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert out.returncode == 0 and "Usage:" in out.stdout, out.stderr


def test_importing_the_package_loads_nothing_else():
    script = "import sys, pmf_minimal; assert not {'torch', 'torch_geometric', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", script], check=True)


def fails(result, *says):
    """Exit code 2, one line that begins with Error, no traceback."""
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.exception
    assert result.output.startswith("Error: ") and result.output.count("\n") == 1
    for text in says:
        assert text in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere/xx"], "unknown data set 'nowhere/xx'; known are emoji/fr_en"),
        (["dbp15k/zh_en"], "--root"),
        (["toy/a_b", "--root", "no folder"], "no such folder; toy/a_b is expected there"),
        (["toy/a_b", "--preset", "best"], "unknown preset 'best'; known are paper, released, quick, recommended"),
        (["toy/a_b", "--set", "epochs"], "write FIELD=VALUE"),
        (["toy/a_b", "--set", "epoch=3"], "no such field of the configuration: epoch"),
        (["toy/a_b", "--set", "fusion=nonsense"], "fusion='nonsense': choose one of weights, keep, none"),
        (["toy/a_b", "--set", "lr=abc"], "lr='abc': give a number, such as 0.001"),
        (["toy/a_b", "--set", "seed=x"], "seed='x': give a whole number, such as 0"),
        (["toy/a_b", "--set", "lr=NaN"], "lr=nan: give a number, such as 0.001"),
        (["toy/a_b", "--set", "temperature=Infinity"], "temperature=inf: give a number"),
        (["toy/a_b", "--set", "lr=-1"], "lr=-1: must be between 0 and"),
        (["toy/a_b", "--set", "dim=99999999999999999999"], "dim=99999999999999999999: must be between 1 and 65536"),
        (["toy/a_b", "--set", 'modalities=[["a"]]'], "modalities=(['a'],): give a list of names"),
        (["toy/a_b", "--set", "modalities=5"], "modalities=5: give a list of names"),
        (["toy/a_b", "--set", "modalities=null"], "modalities=None: give a list of names"),
        (["toy/a_b", "--set", "beta=5"], "beta=5: give a number of at least 0 for each modality"),
        (["toy/a_b", "--set", "train_share=abc"], "train_share='abc': must be between 0 and 1"),
        (["toy/a_b", "--set", "train_share=1e400"], "train_share=inf: must be between 0 and 1"),
        (["toy/a_b", "--set", "threshold_grows=5"], "threshold_grows=5: give a list of names"),
        (["toy/a_b", "--set", "model=5"], "model=5: choose one of eva"),
        (["toy/a_b", "--set", "fanout=99999999999"], "fanout=99999999999: must be between 0"),
        (["toy/a_b", "--model", "gcn-align"], "model='gcn-align': choose one of"),
    ],
)
def test_mistakes(run, arguments, says):
    fails(run("train", *arguments), says)


def test_mistakes_in_files(run, root, tmp_path):
    fails(train(run, root, tmp_path / "out", "--images", tmp_path / "no.npz"), "no.npz: this file is missing")
    fails(
        train(run, root, tmp_path / "out", "--set", "train_share=1.0"), "choose shares that leave at least one of each"
    )
    write(tmp_path / "toy", FILES | {"triples_1": "0\t1\n"})
    fails(train(run, tmp_path, tmp_path / "out", "--images", root / "images.npz"), "triples_1:1: expected 3 numbers")
    assert not (tmp_path / "out").exists()


def ends_in_one_sentence(result, *says):
    """As ``fails``, after what was said about the data."""
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.exception
    (said,) = (line.strip() for line in result.output.splitlines() if "Error" in line)  # after the progress bar
    assert said.startswith("Error: ") and all(text in said for text in says), said


def test_a_run_that_diverges_leaves_no_results(run, root, tmp_path):
    for change in ("lr=1e9", "weight_decay=1e9"):
        result = train(run, root, tmp_path / "out", "--set", change, "--set", "selection=last")
        ends_in_one_sentence(result, "Error: epoch ", "choose a smaller lr or weight_decay")
    assert not [*tmp_path.iterdir()]


def test_what_can_be_refused_is_refused_before_training(run, root, tmp_path, monkeypatch):
    monkeypatch.setattr("pmf_minimal.training.Training.run_epoch", lambda self: pytest.fail("trained"))
    result = train(run, root, tmp_path / "out", "--set", "matching=approximate")
    ends_in_one_sentence(result, "matching=approximate looks for large dot products")
    (tmp_path / "file").touch()
    result = train(run, root, tmp_path / "out", "--checkpoint", tmp_path / "file")
    ends_in_one_sentence(result, "file: no place for checkpoints", "name another folder")
    for out in (tmp_path / "file" / "below", "x" * 300, "."):
        fails(train(run, root, out), "--out")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_checkpoint_of_other_data_is_refused(run, root, tmp_path):
    state = tmp_path / "state"
    assert train(run, root, tmp_path / "a", "--checkpoint", state).exit_code == 0
    again = train(run, root, tmp_path / "b", "--checkpoint", state)
    assert again.exit_code == 0 and (tmp_path / "b" / "matches.csv").read_text() == (tmp_path / "a" / "matches.csv").read_text()  # fmt: skip
    other = train(run, root, tmp_path / "c", "--checkpoint", state, "--set", "train_share=0.4")
    ends_in_one_sentence(other, "state.json: the state of a run with other settings")
    np.savez(tmp_path / "images.npz", **(dict(np.load(root / "images.npz")) | {"features": np.load(root / "images.npz")["features"] + 1}))  # fmt: skip
    other = train(run, root, tmp_path / "c", "--checkpoint", state, "--images", tmp_path / "images.npz")
    ends_in_one_sentence(other, "state.json: the state of a run on other data")
    assert not (tmp_path / "c").exists()


def test_results_are_not_overwritten(run, root, tmp_path):
    (tmp_path / "precious").write_text("work of weeks")
    fails(
        train(run, root, tmp_path / "precious"),
        "precious: is there already, and no result shall be lost; name a new folder with --out",
    )
    assert (tmp_path / "precious").read_text() == "work of weeks"
