"""Where a run computes, and how it computes the same every time."""

from __future__ import annotations

import ctypes
import sys
import warnings
from contextlib import contextmanager
from functools import cache

import torch

from pmf_minimal.scale.settings import short


def pick_device(name: str = "auto") -> torch.device:
    """``auto`` is the GPU where there is one, else the CPU.

    Raises:
        ValueError: another name, or a GPU is asked for where there is none.
    """
    found = torch.cuda.is_available()
    if name not in ("auto", "cpu", "cuda") or (name == "cuda" and not found):
        raise ValueError(
            f"device {short(name)}: {'choose auto, cpu or cuda' if found else 'this machine has no GPU; choose auto or cpu'}"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")


@contextmanager
def deterministic():
    """One random seed, one result: PyTorch sums gradients of looked-up rows in one order, not in that of its threads."""
    before, filled = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    # On a GPU some sparse operations have no such form; there the setting does what it can.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # that would only cost time
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled


@cache
def tune_malloc() -> None:
    """Let the C library keep large blocks for the next step instead of giving them back to the system after each.

    A block from the system comes as pages to be zeroed: with the matrices of the losses, a quarter of the time of a
    step. Only glibc has these settings; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        trim_threshold, top_pad, mmap_max = -1, -2, -4  # from malloc.h
        for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 2**26)):
            if set_option is not None:
                set_option(option, value)
