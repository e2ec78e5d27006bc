"""What the unit tests share besides toys.py."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch


@pytest.fixture
def memory():
    """Context that lets the process grow by so many bytes and no more."""
    if sys.platform != "linux":
        pytest.skip("the limit is Linux's")
    import resource

    @contextmanager
    def limit(extra):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # each thread would reserve address space of its own
        before = resource.getrlimit(resource.RLIMIT_AS)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + extra, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
            torch.set_num_threads(threads)

    return limit
