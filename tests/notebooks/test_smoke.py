"""Each chapter also runs with other parameters: the smallest scale, another seed, another pair of graphs. A cell that
only works for the committed numbers, or a notebook whose parameters change nothing, is found here."""

import sys

import pytest
from bookfiles import NOTEBOOKS, name
from execute import check_parameters, execute

# Of all processors together, whatever else the machine does; far above what a chapter should take: it is to catch a
# scale that does nothing.
SECONDS = 40


def spent():
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell what child processes have used")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_runs_at_the_smallest_scale(path, tmp_path):
    parameters = {"scale": "smoke", "seed": 1, "dataset": "emoji/ja_en"}
    check_parameters(path, parameters)
    start = spent()
    execute(path, tmp_path / path.name, parameters)
    assert 1 < spent() - start < SECONDS
