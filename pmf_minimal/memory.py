"""How much memory there is, so that sizes are found and not asked for."""

from __future__ import annotations

import torch

from pmf_minimal.graphs import DataError


def free(device: torch.device | str = "cpu") -> float:
    """Bytes that can be had on a device now; infinity where the system does not say."""
    if torch.device(device).type == "cuda":
        # What PyTorch keeps for itself but does not use can be had as well.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def check_optimal(n: int, m: int) -> None:
    """Whether optimal assignment of n to m entities fits.

    Raises:
        DataError: it does not; the message says up to which size it does.
    """
    # the similarity in float32, SciPy's copy in float64, and the negative of that
    cell, have = 4 + 8 + 8, free()
    if cell * n * m > have:
        raise DataError(
            f"optimal matching of {n} to {m} entities takes {cell * n * m / 1e9:.0f} GB, {have / 1e9:.0f} GB are free: "
            f"enough for {int((have / cell) ** 0.5)} a side; set matching=greedy, whose memory grows with their number only"
        )
