"""What is measured: a pair of graphs of DBP15K's size, vectors of given sizes, and how memory and the machine are looked at."""

import os
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path

import torch
from torch.nn.functional import normalize

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets.synthetic import generate

SIDE, BATCH, DIM, MODALITIES = 19_500, 3500, 300, 4  # DBP15K has 19,388 and 19,572 entities in ZH-EN
PACKAGES = ("torch", "torch-geometric", "numpy", "pmf-minimal")


def graphs(side=SIDE):
    """Synthetic, structure as dense as DBP15K's, all four modalities."""
    return generate(n=side, degree=7.0, spoilt={"image": {"foreign": 0.3}}).split(0, 0.3, 0.0)


def config(**changes):
    """Batch and width as in the paper, both kinds of losses in stages of their own, as the released code has it."""
    return PRESETS["released"].replace(
        **{"batch_size": BATCH, "dim": DIM, "selection": "last", "candidates_in_scoring": "all"} | changes
    )


def vectors(rows, width, seed=0):
    """Left vectors, and right ones near them."""
    g = torch.Generator().manual_seed(seed)
    left = torch.randn(rows, width, generator=g)
    return normalize(left), normalize(left + torch.randn(rows, width, generator=g))


def peak():
    """Largest resident memory of this process so far, in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        # Elsewhere there is only this; it survives exec, so a child begins with what its parent had.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def seconds(work, repeats=1):
    """Shortest of some runs: by the clock, and by the processor, which others on the machine disturb less."""
    clock = cpu = float("inf")
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        work()
        clock, cpu = min(clock, time.perf_counter() - start[0]), min(cpu, time.process_time() - start[1])
    return clock, cpu


def bandwidth():
    """Bytes per second that the machine copies from memory to memory, read and written."""
    x = torch.ones(2**26)
    y = torch.empty_like(x)
    return 8 * len(x) / seconds(lambda: y.copy_(x), 5)[0]


def flops(n=3000):
    """Operations per second of a large product of matrices."""
    x = torch.randn(n, n)
    return 2 * n**3 / seconds(lambda: x @ x, 4)[0]


def machine():
    """Where and with what it was measured, and how busy the machine was otherwise."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "memory GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "GB/s": round(bandwidth() / 1e9, 1),
        "GFLOP/s": round(flops() / 1e9, 1),
    } | {name: version(name) for name in PACKAGES}


def _lines(path):
    return Path(path).read_text().splitlines() if Path(path).exists() else []
