"""Kill a training without warning, at random moments, and take it up again with the same command."""

import random
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "pmf_minimal", "train", "emoji/fr_en", "--preset", "paper"]
SETTINGS = {
    "epochs": 40,
    "dim": 16,
    "scoring_start": 3,
    "scoring_end": 20,
    "evaluate_every": 1,
    "iterative_epochs": 20,
    "probation": 2,
}
KILLS = 5


def command(folder):
    changes = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    return [*COMMAND, *changes, "--checkpoint", str(folder / "state"), "--out", str(folder / "run")]


def test_killed_five_times_and_none_the_worse(tmp_path):
    subprocess.run(command(tmp_path / "dense"), check=True, capture_output=True)
    moment, state = random.Random(), tmp_path / "killed" / "state" / "state.json"
    killed = 0
    while not (tmp_path / "killed" / "run").exists():
        before = state.read_bytes() if state.exists() else b""
        process = subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if killed < KILLS:
            # Only when it has got on by an epoch, then at any moment of the next few.
            while process.poll() is None and (not state.exists() or state.read_bytes() == before):
                time.sleep(0.01)
            time.sleep(moment.uniform(0, 0.6))
            if process.poll() is None:
                process.kill()
                killed += 1
            process.wait()
        else:
            assert process.wait() == 0, process.stderr.read().decode()
    assert killed == KILLS
    for name in ("metrics.json", "matches.csv", "model.safetensors"):
        assert (tmp_path / "killed" / "run" / name).read_bytes() == (tmp_path / "dense" / "run" / name).read_bytes()
