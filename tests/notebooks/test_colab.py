"""Each chapter as Colab runs it: the package is not installed, the folder is empty, there is no clone of the repository.

A fresh virtual environment stands in for Colab. It sees Jupyter's kernel and what the package declares to need, with
what those need, and the libraries of figures and experiments, but neither `pmf_minimal` nor its other extras; `google.colab` is a fake; and the package's wheel,
built here, is what the first cell installs. Nothing is fetched: pip has no index.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata

import nbformat
import papermill
import pytest
from bookfiles import NOTEBOOKS, ROOT, name, read
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from papermill.exceptions import PapermillExecutionError
from setup_cell import CELL, URL, setup_cell
from wheels import build

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Colab is made of symbolic links"),
    pytest.mark.timeout(600),  # seconds on a machine that is busy with other things too
]

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

        kernel = folder / "share" / "kernels" / "colab"
        kernel.mkdir(parents=True)
        argv = [str(folder / "venv/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        environment = {"PYTHONPATH": "", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PMF_DATA": ""}
        spec = {"argv": argv, "display_name": "Colab", "language": "python", "env": environment}
        (kernel / "kernel.json").write_text(json.dumps(spec))

    def run(self, nb, monkeypatch):
        """Execute a notebook at the smallest scale in an empty folder; returns it with its outputs."""
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
        monkeypatch.setenv("JUPYTER_PATH", str(self.folder / "share"))
        return papermill.execute_notebook(
            str(self.folder / "in.ipynb"),
            str(self.folder / "out.ipynb"),
            parameters={"scale": "smoke"},
            kernel_name="colab",
            cwd=str(self.folder / "content"),
            execution_timeout=200,
            start_timeout=200,
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    return Colab(tmp_path_factory.mktemp("colab"))


def tiny(*sources):
    cells = [new_code_cell(source) for source in sources]
    cells.insert(-1, new_code_cell('scale = "quick"', metadata={"tags": ["parameters"]}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def test_the_stand_in_has_the_wheel_and_nothing_of_the_repository(colab, monkeypatch):
    look = "import os, sys; print(pmf_minimal.__file__, os.listdir(), [p for p in sys.path if 'extras' in p], scale)"
    nb = colab.run(tiny(CELL, look), monkeypatch)
    # A busy machine hands over one line in several pieces.
    printed = "".join(output.text for output in nb.cells[-1].outputs)
    assert printed == f"{colab.site / 'pmf_minimal' / '__init__.py'} [] [] smoke\n"


@pytest.mark.parametrize(
    "sources, error",
    [
        (("import sys", "import pmf_minimal"), "No module named 'pmf_minimal'"),
        ((CELL.replace("%pip install", "%pip download --no-deps"), "0"), "No module named 'pmf_minimal'"),
        ((CELL, "open('../notebooks/ruff.toml')"), "No such file or directory"),
        ((CELL, "open('book/references.bib')"), "No such file or directory"),
        ((CELL, "import pyoxigraph"), "No module named 'pyoxigraph'"),
        ((CELL, "import bs4"), "No module named 'bs4'"),
    ],
    ids=["no set-up cell", "failing installation", "beside the notebook", "in the root", "an extra", "ours alone"],
)
def test_what_works_only_beside_the_repository_fails(colab, monkeypatch, sources, error):
    with pytest.raises(PapermillExecutionError, match=error):
        colab.run(tiny(*sources), monkeypatch)


def test_a_chapter_without_its_set_up_cell_fails(colab, monkeypatch):
    nb = read(NOTEBOOKS[0])
    nb.cells.remove(setup_cell(nb))
    with pytest.raises(PapermillExecutionError, match="No module named 'pmf_minimal'"):
        colab.run(nb, monkeypatch)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_runs_on_colab(colab, monkeypatch, path):
    colab.run(read(path), monkeypatch)
