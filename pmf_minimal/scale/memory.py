"""How much memory there is, so that sizes are found and not asked for."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path

import torch

from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair


def free_bytes(device: torch.device | str = "cpu") -> float:
    """Bytes that can be had on a device now; infinity where the system does not say."""
    if torch.device(device).type == "cuda":
        # What PyTorch keeps for itself but does not use can be had as well.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return min(_free_of_machine(), _free_of_container(), _free_of_process())


def resident_bytes() -> float:
    """Bytes of memory that this process has now; 0 where the system does not say."""
    try:
        import resource

        return float(int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize())
    except (ImportError, OSError, ValueError):
        return 0.0


def _free_of_machine() -> float:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def _free_of_process() -> float:
    """What ``ulimit -v`` leaves; infinity without a limit."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most == resource.RLIM_INFINITY:
            return float("inf")
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        return max(float(most - pages * resource.getpagesize()), 0.0)
    except (ImportError, OSError, ValueError):
        return float("inf")


def _free_of_container(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float:
    """The least that a limit of this process's control groups (cgroup, version 2 or 1) leaves; infinity without a limit.

    What the system keeps of files that were read does not count as used: it is given back when memory is wanted.
    """
    places = [(root, ""), (root / "memory", "")]
    with suppress(OSError, ValueError):
        for line in own.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "memory" in controllers.split(","):
                places.append((root if controllers == "" else root / "memory", path.strip("/")))
    free = float("inf")
    for top, path in places:
        for folder in (top / path, *(top / path).parents):
            if not folder.is_relative_to(top):
                break
            free = min(free, _left(folder))
    return free


def _left(group: Path) -> float:
    """What is left of the limit of one control group."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError):
            most, taken = (float((group / name).read_text("ascii")) for name in (limit, used))
            with suppress(OSError, ValueError):
                facts = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
                taken -= float(facts.get(cache, 0))
            return max(most - taken, 0.0)
    return float("inf")


def check_dense(n: int, m: int, how: str) -> None:
    """Whether a matcher that needs all similarities of n to m entities at once has room for them.

    Raises:
        DataError: it does not; the message says up to which size it does.
    """
    # the similarity in float32, a copy in float64 as SciPy makes it, and the negative of that
    cell, have = 4 + 8 + 8, free_bytes()
    if cell * n * m > have:
        raise DataError(
            f"{how} matching of {n} to {m} entities takes {cell * n * m / 1e9:.0f} GB, {have / 1e9:.0f} GB are free: "
            f"enough for {int((have / cell) ** 0.5)} a side; set matching=greedy, whose memory grows with their number only"
        )


def step_bytes(config: PMFConfig, graphs: GraphPair) -> int:
    """Bytes of all similarities that a step keeps for its gradient: by far the most that grows with the batch, with its square."""
    m = sum(name in graphs.modalities for name in config.modalities)
    pairs = min(config.batch_size, len(graphs.train))
    cells = 3 * (m + 1) * pairs**2  # left with right and each with its own, per modality and joint
    if config.cross_modality != "off":
        sides = (min(config.batch_size, n) for n in (graphs.n_left, graphs.n_right))
        cells += m * (m - 1) // 2 * sum(n * n for n in sides)
    return 4 * cells


def shrink_batch(config: PMFConfig, graphs: GraphPair, device: torch.device) -> PMFConfig:
    """The configuration with batches halved until a step takes at most half of the memory that is free."""
    have = free_bytes(device)
    while step_bytes(config, graphs) > have / 2 and config.batch_size >= 4:
        config = halve_batch(config)
    return config


def halve_batch(config: PMFConfig) -> PMFConfig:
    """Batches of half the size, twice as many to a step; with a warning, since each then has half the negatives."""
    config = config.replace(batch_size=config.batch_size // 2, accumulation=2 * config.accumulation)
    warnings.warn(
        f"not enough memory: batch_size={config.batch_size}, accumulation={config.accumulation} from here on",
        stacklevel=2,
    )
    return config
