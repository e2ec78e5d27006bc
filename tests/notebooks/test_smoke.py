"""Each chapter also runs with other parameters: the smallest scale, another seed, another pair of graphs. A cell that
only works for the committed numbers, or a notebook whose parameters change nothing, is found here."""

import time

import pytest
from bookfiles import NOTEBOOKS, name
from execute import check_parameters, execute

SECONDS = 30  # far above the few that a chapter should take: it is to catch a scale that does nothing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_runs_at_the_smallest_scale(path, tmp_path):
    parameters = {"scale": "smoke", "seed": 1, "dataset": "emoji/ja_en"}
    check_parameters(path, parameters)
    start = time.monotonic()
    execute(path, tmp_path / path.name, parameters)
    assert time.monotonic() - start < SECONDS
