"""A pair of graphs of so many entities a side, trained for two epochs, with a scoring and an evaluation: time and memory.

python tests/benchmarks/large.py 100000      # prints one line of JSON
"""

import json
import sys
import time

from worlds import BATCH, DIM, graphs, peak

from pmf_minimal.config import PRESETS
from pmf_minimal.runs.run import fit


def main(n):
    start, pair = time.process_time(), graphs(n).split(0, 0.3, 0.01)
    config = PRESETS["paper"].replace(
        dim=DIM, batch_size=BATCH, cross_modality="off", scoring_start=2, scoring_end=2, epochs=2, evaluate_every=2
    )
    marks = [time.process_time()]
    fit(pair, config, progress=False, callback=lambda _: marks.append(time.process_time()))
    return {
        "entities a side": n,
        "edges": pair.edge_index.shape[1],
        "batches": -(-len(pair.train) // BATCH),
        "load cpu s": marks[0] - start,
        "epoch cpu s": marks[1] - marks[0],
        "epoch with scoring and evaluation cpu s": marks[2] - marks[1],
        "peak GB": peak() / 1e9,
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
