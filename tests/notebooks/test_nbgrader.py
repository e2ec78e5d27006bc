"""nbgrader itself makes an assignment of a chapter and grades it. Without the extra `courses` this is skipped.

pip install --no-build-isolation --constraint requirements.txt --editable ".[courses]"
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import teaching
from bookfiles import ROOT, read

pytest.importorskip("nbgrader", reason="nbgrader is not installed: it comes with the extra `courses`")

CHAPTER = "01_task_and_data"  # it trains nothing


def nbgrader(course, *arguments):
    """Run one of nbgrader's commands in the folder of the course."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    env = os.environ | {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1", "HOME": str(course)}
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(900)  # seconds on a machine that is busy with other things too
def test_an_assignment_is_made_and_graded(tmp_path, monkeypatch):
    """Solutions get all points; the copy as it was handed out, and one with a check that believes anything, get none."""
    # nbgrader calls the program alembic by its name alone.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    path = ROOT / "notebooks" / f"{CHAPTER}.ipynb"
    source = teaching.instructor_copy(CHAPTER, read(path))
    (parameters,) = teaching.tagged(source, "parameters")
    parameters.source = re.sub(r'scale = "\w+"', 'scale = "smoke"', parameters.source)
    (tmp_path / "source" / "one").mkdir(parents=True)
    nbformat.write(source, tmp_path / "source" / "one" / f"{CHAPTER}.ipynb")
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\nc.ExecutePreprocessor.timeout = 300\n")
    nbgrader(tmp_path, "generate_assignment", "one", "--create")

    released = nbformat.read(tmp_path / "release" / "one" / f"{CHAPTER}.ipynb", as_version=4)
    solutions = [cell.source for cell in teaching.tagged(source, "stub")]
    assert len(solutions) == len(teaching.tagged(released, "stub")) >= 2
    for cell, solution in zip(teaching.tagged(released, "stub"), solutions, strict=True):
        assert "YOUR CODE HERE" in cell.source
        assert not set(solution.splitlines()) & set(cell.source.splitlines()), "a solution was handed out"

    def submit(name, change):
        nb = nbformat.from_dict(nbformat.read(tmp_path / "release" / "one" / f"{CHAPTER}.ipynb", as_version=4))
        change(nb)
        folder = tmp_path / "submitted" / name / "one"
        folder.mkdir(parents=True)
        nbformat.write(nb, folder / f"{CHAPTER}.ipynb")

    def solve(nb):
        for cell, solution in zip(teaching.tagged(nb, "stub"), solutions, strict=True):
            cell.source = solution

    def believe(nb):
        for cell in teaching.tagged(nb, "check"):
            cell.source = "print('Right: believe me')"

    submit("anna", solve)
    submit("bert", lambda nb: None)
    submit("cora", believe)
    nbgrader(tmp_path, "autograde", "one", "--create")

    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        scores = {s.student_id: (s.score, s.max_score) for s in book.assignment_submissions("one")}
    full = sum(teaching.POINTS[e.difficulty] for e in teaching.exercises_of(read(path)) if e.checked)
    assert scores == {"anna": (full, full), "bert": (0, full), "cora": (0, full)}
