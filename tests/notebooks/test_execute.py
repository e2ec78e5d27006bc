"""The tool behind `make book` and `make refresh`: it must fail where papermill alone would go on."""

import re
import subprocess
import sys

import nbformat
import pytest
from bookfiles import ROOT
from execute import KERNEL, LANGUAGE
from nbformat.v4 import new_code_cell, new_notebook


@pytest.fixture
def notebook(tmp_path):
    cells = [
        new_code_cell("scale = 'quick'", metadata={"tags": ["parameters"], "collapsed": True}),
        new_code_cell("assert scale != 'broken'\nprint(scale)"),
    ]
    path = tmp_path / "tiny.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": LANGUAGE}), path)
    return path


def execute(notebook, *arguments):
    command = [sys.executable, str(ROOT / "book/tools/execute.py"), str(notebook), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def printed(path):
    return [output.text for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]


def test_two_runs_give_the_same_bytes_and_leave_the_source_alone(notebook, tmp_path):
    before = notebook.read_bytes()
    for folder in "ab":
        result = execute(notebook, "--to", str(tmp_path / folder))
        assert result.returncode == 0, result.stderr
        assert re.fullmatch(rf"{re.escape(str(notebook))}: running\n{re.escape(str(notebook))}: \d+ s\n", result.stdout)
    first = tmp_path / "a" / "tiny.ipynb"
    assert first.read_bytes() == (tmp_path / "b" / "tiny.ipynb").read_bytes()
    assert printed(first) == ["quick\n"]
    assert notebook.read_bytes() == before


def test_parameters_are_set(notebook, tmp_path):
    assert execute(notebook, "--to", str(tmp_path / "out"), "-p", "scale", "smoke").returncode == 0
    assert printed(tmp_path / "out" / "tiny.ipynb") == ["smoke\n"]


def test_a_misspelt_parameter_is_an_error(notebook, tmp_path):
    result = execute(notebook, "--to", str(tmp_path / "out"), "-p", "sclae", "smoke")
    assert result.returncode == 2
    assert "has no parameter sclae; it has: scale" in result.stderr and "Traceback" not in result.stderr


def test_a_failing_cell_is_an_error_and_leaves_nothing(notebook, tmp_path):
    result = execute(notebook, "--to", str(tmp_path / "out"), "-p", "scale", "broken")
    assert result.returncode == 1 and "AssertionError" in result.stderr
    assert not (tmp_path / "out" / "tiny.ipynb").exists()


def test_in_place_stores_outputs_and_adds_no_cell(notebook):
    assert execute(notebook, "--in-place").returncode == 0
    nb = nbformat.read(notebook, 4)
    assert printed(notebook) == ["quick\n"] and len(nb.cells) == 2
    assert nb.cells[0].metadata == {"tags": ["parameters"]}
    assert set(nb.metadata) == {"kernelspec", "language_info"}
