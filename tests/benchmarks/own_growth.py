"""`align` on a synthetic world of N entities a side in a process of its own: time, memory beside its prediction, and what is found.

python tests/benchmarks/own_growth.py N [FOLDER]       # prints one line of JSON; FOLDER keeps the world, else it is made anew
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from own_graphs import f1
from worlds import peak

from pmf_minimal import own
from pmf_minimal.datasets import worlds


def recall(alignment, truth):
    """Share of the pairs that were not given which are among the candidates."""
    numbers = [
        [graph.number[e] for e in truth[word]] for word, graph in zip(("left", "right"), alignment.graphs, strict=True)
    ]
    row, column = map(np.array, numbers[::-1] if alignment.found.swapped else numbers)
    pairs, width = alignment.found.pairs, max(map(len, alignment.graphs))
    return float(np.isin(row * width + column, pairs.row * width + pairs.column).mean())


def main(n, folder):
    if not folder.exists():
        worlds.write(folder, n, known=max(n // 100, 30))
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    known = pd.read_csv(folder / "seeds.csv", dtype=str)
    load, clock = os.getloadavg()[0], (time.perf_counter(), time.process_time())
    both = [own.read_graph(folder / side) for side in ("left", "right")]
    alignment = own.align(*both, known, progress=False)
    with tempfile.TemporaryDirectory() as place:
        alignment.save(Path(place) / "run")
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    new = alignment.kept[~alignment.kept["known"]]
    wanted = {*truth[len(known) :].itertuples(index=False, name=None)}
    found = len(wanted & {*zip(new["left_uri"], new["right_uri"], strict=True)}), len(new), len(wanted)
    return {
        "entities a side": n,
        "seconds": wall,
        "cpu seconds": cpu,
        "load before": load,
        "peak GB": peak() / 1e9,
        "predicted GB": alignment.plan.bytes / 1e9,
        "candidates": len(alignment.found.pairs.row),
        "recall of candidates": recall(alignment, truth[len(known) :]),
        "F1": f1(*found),
        "precision": found[0] / max(found[1], 1),
        "recall": found[0] / max(found[2], 1),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary) / "world"
        print(json.dumps(main(int(sys.argv[1]), place)))
