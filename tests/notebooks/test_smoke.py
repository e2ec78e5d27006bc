"""Each chapter also runs with other parameters: the smallest scale, another seed, another pair of graphs. A cell that
only works for the committed numbers, or a notebook whose parameters change nothing, is found here.

What runs is the instructor's copy, in a folder of its own: so it runs from top to bottom, all of its checks say Right,
and all of its points are given.
"""

import sys

import nbformat
import pytest
from bookfiles import NOTEBOOKS, name, read
from execute import check_parameters, execute
from exercise_list import exercises_of
from teaching import POINTS, instructor_copy, tagged, verdict_of

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
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    nbformat.write(instructor_copy(path.stem, read(path)), copy)
    check_parameters(copy, parameters)
    start = spent()
    execute(copy, tmp_path / path.name, parameters)
    assert 1 < spent() - start < SECONDS
    made = read(tmp_path / path.name)
    verdicts = [verdict_of(check) for check in tagged(made, "check")]
    assert [v for v in verdicts if v[0] != "right"] == []
    points = [c for c in made.cells if c.source.startswith("# Points")]
    given = [int(c.outputs[0].data["text/plain"]) for c in points]
    assert sum(given) == sum(POINTS[e.difficulty] for e in exercises_of(made) if e.checked)
