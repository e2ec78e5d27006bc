"""Kill a training run without warning, at several moments, and take it up again with the same command."""

import multiprocessing
import runpy
import signal
import subprocess
import sys
import time

import pytest

ARGUMENTS = ["train", "emoji/fr_en", "--preset", "paper"]
SETTINGS = {
    "epochs": 40,
    "dim": 16,
    "scoring_start": 3,
    "scoring_end": 20,
    "evaluate_every": 1,
    "iterative_epochs": 20,
    "probation": 2,
}
# So many epochs further on it is killed; half of the times while a state is being written, if that can be seen.
KILLS = [(1, False), (1, True), (2, False), (3, True), (5, False)]


def arguments(folder):
    changes = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    return [*ARGUMENTS, *changes, "--checkpoint", str(folder / "state"), "--out", str(folder / "run")]


@pytest.fixture
def start(monkeypatch):
    """Starts the command line in a process of its own; where the system can, one in which PyTorch is loaded already."""
    kinds = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in kinds else "spawn")
    if "forkserver" in kinds:
        context.set_forkserver_preload(["pmf_minimal.training", "pmf_minimal.cli.main"])

    def started(*words):
        monkeypatch.setattr(sys, "argv", ["pmf_minimal", *words])
        process = context.Process(target=runpy.run_module, args=("pmf_minimal",), kwargs={"run_name": "__main__"})
        process.start()
        return process

    return started


def test_killed_five_times_and_none_the_worse(tmp_path, start):
    command = [sys.executable, "-m", "pmf_minimal", *arguments(tmp_path / "dense")]
    whole = subprocess.run(command, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
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
    for name in ("metrics.json", "matches.csv", "model.safetensors"):
        assert (folder / "run" / name).read_bytes() == (tmp_path / "dense" / "run" / name).read_bytes()
