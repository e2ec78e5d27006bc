"""The same training by one process or by several that share out the batches of a step; `make bench` starts it by torchrun.

torchrun --nproc-per-node 2 tests/benchmarks/processes.py     # the first process prints one line of JSON
"""

import json
import time

import torch

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.runs.run import fit
from pmf_minimal.scale import distributed

torch.set_num_threads(1)
distributed.init_process_group()
rank, count = distributed.rank_and_world_size()
config = PRESETS["quick"].replace(batch_size=100, accumulation=2, epochs=12, scoring="off")
start = time.perf_counter()
run = fit(load("emoji/fr_en"), config, "cpu", progress=False)
seconds = time.perf_counter() - start
if rank == 0:
    hits = run.evaluate().loc["joint"]["Hits@1"].mean()
    print(json.dumps({"processes": count, "seconds": seconds, "best epoch": run.best_epoch, "Hits@1": float(hits)}))
