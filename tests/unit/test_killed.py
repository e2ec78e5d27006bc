"""Kill a training run without warning, at several moments, and take it up again with the same command."""

import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from pmf_minimal.cli.main import main
from pmf_minimal.datasets import folders

ARGUMENTS = ["train", "emoji/fr_en", "--preset", "paper"]
SETTINGS = {
    "epochs": 24,
    "batch_size": 1000,  # a part of the entities in each step
    "dim": 16,
    "scoring_start": 3,
    "scoring_end": 20,
    "evaluate_every": 1,
    "iterative_epochs": 10,
    "probation": 2,
}
# So many epochs further on it is killed; half of the times while a state is being written, if that can be seen.
KILLS = [(1, False), (1, True), (2, False), (3, True), (5, False)]


def arguments(folder):
    changes = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    return [*ARGUMENTS, *changes, "--checkpoint", str(folder / "state"), "--out", str(folder / "run")]


@pytest.fixture
def start(monkeypatch, new_process):
    """Starts the command line in a process of its own."""

    def started(*words):
        monkeypatch.setattr(sys, "argv", ["pmf_minimal", *words])
        return new_process(runpy.run_module, "pmf_minimal", run_name="__main__")

    return started


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    done = CliRunner().invoke(main, arguments(folder))
    assert done.exit_code == 0, done.output
    return folder / "run"


def same_files(folder, other):
    for name in ("metrics.json", "matches.csv", "model.safetensors"):
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_killed_five_times_and_none_the_worse(tmp_path, start, whole):
    folder, seen = tmp_path / "killed", set()
    state = folder / "state" / "state.json"

    def looked(epochs):
        """A state that is new, so many times since the start."""
        if state.exists():
            seen.add(state.read_bytes())
        return len(seen) >= epochs

    for epochs, writing in KILLS:
        process, before = start(*arguments(folder)), len(seen)
        while process.is_alive() and not looked(before + epochs):
            time.sleep(0.001)
        # While a state is written its parts lie about; one epoch later at the latest.
        while process.is_alive() and writing and not (any(state.parent.glob("*.part")) or looked(before + epochs + 1)):
            pass
        assert process.is_alive(), "it was over before it could be killed"
        process.kill()
        process.join()
        assert process.exitcode == (-signal.SIGKILL if sys.platform != "win32" else process.exitcode)
    assert not (folder / "run").exists()
    process = start(*arguments(folder))
    process.join()
    assert process.exitcode == 0
    same_files(folder / "run", whole)


# --- Asked to end ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_end_keeps_its_state(tmp_path, whole, number, code):
    folder = tmp_path / "asked"
    words = [sys.executable, "-m", "pmf_minimal", *arguments(folder)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while process.poll() is None and not (folder / "state" / "state.json").exists():
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate()
    last = said.strip().splitlines()[-1].split("\r")[-1].strip()
    assert process.returncode == code and last == (
        f"Halted: the state of the run is in {folder / 'state'}; give the same command to go on from there."
    ), said
    assert {path.name for path in folder.iterdir()} == {"state"}
    assert {path.suffix for path in (folder / "state").iterdir()} == {".json", ".safetensors"}
    if number == signal.SIGTERM:  # once is enough
        assert CliRunner().invoke(main, arguments(folder)).exit_code == 0
        same_files(folder / "run", whole)


CARD = """
title: t
question: q
chapter: c
preset: quick
settings: {epochs: 500, dim: 4}
datasets: [emoji/fr_en]
seeds: 5
variants: {a: {}}
claims: []
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_experiment_that_is_asked_to_end_ends_its_workers(tmp_path, number, code):
    (tmp_path / "k.yaml").write_text(CARD)
    words = [
        "experiment",
        str(tmp_path / "k.yaml"),
        "--jobs",
        "2",
        "--cache",
        str(tmp_path / "c"),
        "--out",
        str(tmp_path / "o"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "pmf_minimal", *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while process.poll() is None and len(workers := descendants(process.pid)) < 2:
        time.sleep(0.05)
    time.sleep(2)
    workers |= descendants(process.pid)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code and "Traceback" not in said, said
    assert f"Halted: the runs that are finished are in {tmp_path / 'c'}; give the same command to go on" in said
    for _ in range(100):
        if not (alive := {pid for pid in workers if Path(f"/proc/{pid}").exists()}):
            break
        time.sleep(0.1)
    assert not alive and not [*tmp_path.glob("o*")] and not [*tmp_path.glob("c/lock")]


def descendants(process):
    """All processes that a process has started, or these."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    found = {process}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


def test_two_runs_do_not_write_into_one_place(tmp_path):
    """The second one says so at once, whichever folder it is."""
    state = tmp_path / "state"
    commands = {
        tmp_path / "run": ["train", "emoji/fr_en", "--out", tmp_path / "run"],
        tmp_path / "run.": ["align", tmp_path, tmp_path, "--start", "names", "--out", tmp_path / "run."],
    }
    for out, words in commands.items():
        with folders.exclusive(out.with_name(f"{out.name}.lock"), "x"):
            done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 2 and f"{out}: another process writes there ({os.getpid()})" in done.output, (
            done.output
        )
    with folders.exclusive(state / "lock", "x"):
        done = CliRunner().invoke(
            main, ["train", "emoji/fr_en", "--out", str(tmp_path / "a"), "--checkpoint", str(state)]
        )
    assert done.exit_code == 2 and f"{state}: another process writes there" in done.output, done.output
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_file_with_the_name_of_the_lock_stays(tmp_path):
    (tmp_path / "state").mkdir()
    for path in (tmp_path / "state" / "lock", tmp_path / "a.lock"):
        path.write_text("precious")
        words = ["train", "emoji/fr_en", "--out", str(tmp_path / "a"), "--checkpoint", str(tmp_path / "state")]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2 and f"{path}: a file of another kind" in done.output, done.output
        assert path.read_text() == "precious"
        path.unlink()
