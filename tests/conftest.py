"""What all tests share: no windows, the order of the files, which tests are slow, and a kernel that starts at once."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import matplotlib
import pytest
from warm_kernel import warm

# No test may want a window, whatever the machine it runs on.
matplotlib.use("Agg")

# The longest come first: a worker that gets one of them last would keep the other waiting.
FIRST = ("tests/notebooks/test_colab.py", "notebooks/", "tests/book/", "tests/unit/test_emoji_alignment.py")

# Not in `make quick-test`: training runs, thousands of damaged files, processes of their own, wheels, compilers.
SLOW = (
    "tests/unit/test_align_resumed.py::test_killed_or_asked_to_end",
    "tests/equations/test_mutations.py",
    "tests/unit/test_baselines.py::test_a_halted_training_goes_on",
    "tests/unit/test_baselines.py::test_trains_alike_twice_and_learns",
    "tests/unit/test_blockwise.py::test_memory_grows_with_n",
    "tests/unit/test_cards.py::test_results_follow_from_the_stored_runs",
    "tests/unit/test_catalogue.py::test_counts_of_table_4",
    "tests/unit/test_checkpoints.py",
    "tests/unit/test_emoji_alignment.py",
    "tests/unit/test_experiments.py",
    "tests/unit/test_extend.py::test_example",
    "tests/unit/test_extras.py::test_the_command_line_says_it_in_one_sentence",
    "tests/unit/test_extras.py::test_the_package_alone_trains_and_aligns",
    "tests/unit/test_gpu_rehearsal.py",
    "tests/unit/test_hostile",
    "tests/unit/test_killed.py",
    "tests/unit/test_limits.py",
    "tests/unit/test_model.py::test_compiled_loss_is_the_same",
    "tests/unit/test_own_align.py::test_without_seeds_by_the_command",
    "tests/unit/test_package.py",
    "tests/unit/test_repairs.py",
    "tests/unit/test_scale.py",
    "tests/unit/test_surroundings.py",
    "tests/unit/test_synthetic.py::test_a_hundred_thousand",
    "tests/unit/test_synthetic.py::test_each_modality_helps",
    "tests/unit/test_training.py",
    "tests/unit/test_vision.py",
)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: not in `make quick-test`; the list is in tests/conftest.py")
    # Of several workers each has one thread, since threads that share the cores wait for each other. Kernels have as many as
    # those had that made the stored outputs.
    threads = {name: number for name, number in os.environ.items() if name == "OMP_NUM_THREADS"}
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
    # Where the tests themselves run, not in the process that hands them out.
    if config.getoption("nbval_kernel_name", None) == "warm" and not config.getoption("numprocesses", None):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["JUPYTER_PATH"] = str(folder)
        stack.enter_context(warm(folder, "warm", environment=threads))


def pytest_collection_modifyitems(items):
    def rank(item):
        return next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    items.sort(key=rank)  # in a file, and among the others, the order stays
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
