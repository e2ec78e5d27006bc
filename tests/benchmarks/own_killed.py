"""`align` killed again and again on a synthetic world of N entities a side: whether its matches are those of a run that nothing disturbed.

    python tests/benchmarks/own_killed.py N [KILLS] [FOLDER]       # prints one line of JSON; FOLDER keeps the world, else it is made anew

A run is killed after a random time of at most what the undisturbed run took, and taken up again; once one has come to its end, the next one
begins anew. So the kills fall on any moment of its life.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pmf_minimal.datasets import worlds

FILES = ("matches.csv", "thresholds.csv", "run.json")


def started(world, out):
    files = [str(world / name) for name in ("left", "right")]
    words = ["align", *files, "--seeds", str(world / "seeds.csv"), "--out", str(out)]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "pmf_minimal", *words], **silent)


def stages(folder):
    """Names of what is kept."""
    return sorted(path.stem for path in folder.glob("align-*.state/*.safetensors"))


def same(out, whole):
    return all((out / name).read_bytes() == (whole / name).read_bytes() for name in FILES)


def main(n, kills, world, place):
    if not world.exists():
        worlds.write(world, n, known=max(n // 100, 30))
    clock = time.perf_counter()
    if started(world, place / "whole").wait():
        sys.exit("the undisturbed run failed")
    seconds, random = time.perf_counter() - clock, np.random.default_rng(0)
    moments, ends, number = [], [], 0
    while len(moments) < kills or not ends:
        folder = place / f"try{number}"
        folder.mkdir(exist_ok=True)
        process = started(world, folder / "run")
        try:
            code = process.wait(random.random() * seconds if len(moments) < kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            code = process.wait()
        if code == -signal.SIGKILL:
            moments.append(stages(folder))
        elif code:
            sys.exit(f"a run that was taken up failed: {code}")
        if (folder / "run").exists():
            ends.append(same(folder / "run", place / "whole") and not stages(folder))
            number += 1
    return {
        "entities a side": n,
        "seconds undisturbed": seconds,
        "kills": len(moments),
        "stages kept at each": [len(some) for some in moments],
        "runs ended": len(ends),
        "the same": sum(ends),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(temporary) / "world"
        kills = int(sys.argv[2]) if len(sys.argv) > 2 else 20
        print(json.dumps(main(int(sys.argv[1]), kills, kept, Path(temporary))))
