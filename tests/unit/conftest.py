"""What the unit tests share besides toys.py."""

import multiprocessing
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch


@pytest.fixture
def new_process():
    """Calls a function in a process of its own; where the system can, one in which PyTorch is loaded already."""
    kinds = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in kinds else "spawn")
    if "forkserver" in kinds:
        context.set_forkserver_preload(["pmf_minimal.training", "pmf_minimal.cli.main"])

    def started(function, *arguments, **more):
        process = context.Process(target=function, args=arguments, kwargs=more)
        process.start()
        return process

    return started


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
