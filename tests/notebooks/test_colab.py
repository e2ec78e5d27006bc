"""Each chapter as Colab runs it: the package is not installed, the folder is empty, there is no clone of the repository.

A fresh virtual environment stands in for Colab. It sees Jupyter's kernel and what the package declares to need, with
what those need, and the libraries of figures and experiments, but neither `pmf_minimal` nor its other extras; `google.colab` is a fake; and the package's wheel,
built here, is what the first cell installs. Nothing is fetched: pip has no index.

A chapter runs once, at the smallest scale, with another random seed and another pair of graphs than those it is
committed with. In the same kernel its exercises are tried: the check says "Not yet" to the stub, accepts the solution,
gives its points, and tells plausible wrong answers what is wrong.
"""

import copy
import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import nbformat
import papermill
import pytest
from bookfiles import NOTEBOOKS, ROOT, name, read
from execute import check_parameters
from exercise_list import exercises_of
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from papermill.exceptions import PapermillExecutionError
from setup_cell import CELL, URL, setup_cell
from teaching import POINTS, POINTS_CELL, verdict_of
from warm_kernel import warm
from wheels import build

pytestmark = pytest.mark.timeout(600)  # seconds on a machine that is busy with other things too
on_colab = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Colab is made of symbolic links")

PARAMETERS = {"scale": "smoke", "seed": 1, "dataset": "emoji/ja_en"}
# Per chapter a file with a list per exercise: two or more wrong answers, each with words that its check must say.
WRONG = Path(__file__).parent / "wrong_answers"

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BROUGHT = ["pip", "ipykernel", "ipywidgets", *PROJECT["dependencies"]]
# Colab has these too: what the chapters' figures and experiments need.
BROUGHT += [*PROJECT["optional-dependencies"]["book"], *PROJECT["optional-dependencies"]["experiments"]]
EXTRAS = [*PROJECT["optional-dependencies"]["rdf"], *PROJECT["optional-dependencies"]["images"]]


def installed(requirements):
    """Where the packages lie that these requirements lead to: name in site-packages -> path."""
    names, found, waiting = set(), {}, list(requirements)
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name in names or requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        names.add(requirement.name)
        distribution = metadata.distribution(requirement.name)
        tops = {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}
        found |= {top: distribution.locate_file(top) for top in tops}
        waiting += distribution.requires or []
    return found


class Colab:
    """The stand-in, made once; `run` executes a notebook in it."""

    def __init__(self, folder):
        self.folder = folder
        (self.wheel,) = build(folder, "--wheel").glob("*.whl")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        (self.site,) = (folder / "venv" / "lib").glob("python3*/site-packages")
        for shelf, requirements in (("seen", BROUGHT), ("extras", EXTRAS)):
            (folder / shelf).mkdir()
            for top, path in installed(requirements).items():
                (folder / shelf / top).symlink_to(path)
        (self.site / "google").mkdir()
        (self.site / "google" / "colab.py").write_text("")
        # A path that does not exist is passed over: `run` decides whether the extras are there.
        lines = [folder / "seen", folder / "extras-shown", "import google.colab"]
        (self.site / "colab.pth").write_text("".join(f"{line}\n" for line in lines))

    def run(self, nb, monkeypatch, parameters=None):
        """Execute a notebook in an empty folder; returns it with its outputs."""
        for path in self.site.glob("pmf_minimal*"):  # installed by the chapter before
            shutil.rmtree(path)
        code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
        shown = self.folder / "extras-shown"
        shown.unlink(missing_ok=True)
        if any("%pip install" in line and "pyoxigraph" in line for source in code for line in source.splitlines()):
            shown.symlink_to(self.folder / "extras")
        nb = nbformat.from_dict(json.loads(json.dumps(nb).replace(f"git+{URL}", str(self.wheel))))
        nbformat.write(nb, self.folder / "in.ipynb")
        shutil.rmtree(self.folder / "content", ignore_errors=True)
        (self.folder / "content").mkdir()
        monkeypatch.setenv("JUPYTER_PATH", str(self.folder))
        return execute(self.folder, "colab", parameters)


def execute(folder, kernel, parameters):
    """Run `folder`/in.ipynb in `folder`/content."""
    return papermill.execute_notebook(
        str(folder / "in.ipynb"),
        str(folder / "out.ipynb"),
        parameters=parameters or {"scale": "smoke"},
        kernel_name=kernel,
        cwd=str(folder / "content"),
        execution_timeout=200,
        start_timeout=200,
        progress_bar=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    made = Colab(tmp_path_factory.mktemp("colab"))
    environment = {"PYTHONPATH": "", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PMF_DATA": ""}
    with warm(made.folder, "colab", made.folder / "venv/bin/python", environment):
        yield made


def tiny(*sources):
    cells = [new_code_cell(source) for source in sources]
    cells.insert(-1, new_code_cell('scale = "quick"', metadata={"tags": ["parameters"]}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


# A busy machine hands over one line in several pieces.
def printed(cell):
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


# What works only beside the repository, or with what a reader does not have, and what must come of it.
ABSENT = {
    "open('../notebooks/ruff.toml')": "FileNotFoundError",
    "open('book/references.bib')": "FileNotFoundError",
    "import pyoxigraph": "ModuleNotFoundError",
    "import bs4": "ModuleNotFoundError",
}
TRY = """
for line in {lines!r}:
    try:
        exec(line)
    except Exception as error:
        print(type(error).__name__)
    else:
        print("works")"""


@on_colab
def test_the_stand_in_has_the_wheel_and_nothing_of_the_repository(colab, monkeypatch):
    look = "import os, sys; print(pmf_minimal.__file__, os.listdir(), [p for p in sys.path if 'extras' in p], scale)"
    nb = colab.run(tiny(CELL, look + TRY.format(lines=list(ABSENT))), monkeypatch)
    first, *others = printed(nb.cells[-1]).splitlines()
    assert first == f"{colab.site / 'pmf_minimal' / '__init__.py'} [] [] smoke"
    assert others == list(ABSENT.values())


@on_colab
def test_an_installation_that_fails_stops_the_notebook(colab, monkeypatch):
    with pytest.raises(PapermillExecutionError, match="No module named 'pmf_minimal'"):
        colab.run(tiny(CELL.replace("%pip install", "%pip download --no-deps"), "0"), monkeypatch)


@on_colab
def test_a_chapter_without_its_set_up_cell_fails(colab, monkeypatch):
    nb = read(NOTEBOOKS[0])
    nb.cells.remove(setup_cell(nb))
    with pytest.raises(PapermillExecutionError, match="No module named 'pmf_minimal'"):
        colab.run(nb, monkeypatch)


# --- Chapters -------------------------------------------------------------------------------------------------------

# Before a stub: what is known without any answer to it.
BEFORE = "_before = dict(globals())"
# Answers and their check, each time from there: prints what the check says to each, as JSON.
TRIALS = """
import contextlib, io, json

def said(answer):
    heard, known = io.StringIO(), dict(before)
    with contextlib.redirect_stdout(heard):
        try:
            exec(answer, known)
            heard.truncate(0), heard.seek(0)
            exec(check, known)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return heard.getvalue()

print(json.dumps([said(answer) for answer in answers]))
"""


def plain(source):
    """A cell without IPython's own commands."""
    return re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)


def role(cell):
    return next((tag for tag in cell.metadata.get("tags", []) if tag in ("stub", "check", "solution")), "")


def with_trials(nb, wrong):
    """The chapter with further cells: trials after each check; check and points once more after each solution."""
    nb = copy.deepcopy(nb)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    roles = [(role(a), role(b)) for a, b in pairwise(code)]
    assert all(b == "check" for a, b in roles if a == "stub"), "a check follows right after each stub"
    assert all(b == "solution" for a, b in roles if a == "check"), "then comes its solution"
    solutions = [cell.source for cell in code if role(cell) == "solution"]
    assert len(solutions) == len(wrong), "wrong answers for each exercise, and for no other"
    points = [POINTS[exercise.difficulty] for exercise in exercises_of(nb) if exercise.checked]
    cells, number = [], 0
    for cell in nb.cells:
        if role(cell) == "stub":
            cells.append(new_code_cell(BEFORE))
        cells.append(cell)
        if role(cell) == "check":
            check = cell
            answers = [plain(answer) for answer in (solutions[number], *(answer for answer, _ in wrong[number]))]
            names = f'{{"before": _before, "answers": {answers!r}, "check": {plain(check.source)!r}}}'
            cells.append(new_code_cell(f"exec({TRIALS!r}, {names})", metadata={"tags": ["trials"]}))
        if role(cell) == "solution":
            cells.append(new_code_cell(check.source, metadata={"tags": ["again"]}))
            cells.append(new_code_cell(POINTS_CELL.format(points=points[number]), metadata={"tags": ["points"]}))
            number += 1
    nb.cells = cells
    return nb, points


def looked_at(made, wrong, points):
    """Asserts that every check of an executed chapter with trials says what it should."""

    def tagged(tag):
        return [cell for cell in made.cells if tag in cell.metadata.get("tags", [])]

    assert [verdict_of(cell)[0] for cell in tagged("check")] == ["not yet"] * len(wrong), "to the untouched stub"
    for exercise, cell in zip(wrong, tagged("trials"), strict=True):
        assert len(exercise) >= 2
        right, *others = json.loads(printed(cell))
        assert "Right" in right, f"to the solution, without the stub, the check says {right!r}"
        for (answer, words), said in zip(exercise, others, strict=True):
            assert words in said and "Right" not in said, f"to {answer!r} the check says {said!r}"
    assert [verdict_of(cell)[0] for cell in tagged("again")] == ["right"] * len(wrong)
    assert [int(cell.outputs[-1].data["text/plain"]) for cell in tagged("points")] == points


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_runs_on_colab_and_its_exercises_work(request, monkeypatch, tmp_path, path):
    check_parameters(path, PARAMETERS)
    wrong = runpy.run_path(str(WRONG / f"{path.stem}.py"))["WRONG"]
    nb, points = with_trials(read(path), wrong)
    if sys.platform == "win32":  # here at least in a folder of its own
        (tmp_path / "content").mkdir()
        nbformat.write(nb, tmp_path / "in.ipynb")
        made = execute(tmp_path, "python3", PARAMETERS)
    else:
        made = request.getfixturevalue("colab").run(nb, monkeypatch, PARAMETERS)
    looked_at(made, wrong, points)
