"""What lies around the book: the files that hosts, contributors and those who cite it read."""

import json
import re
import shutil
import subprocess
import sys
import tomllib

import check_jsonschema
import pytest
import setup_cell
import yaml
from bookfiles import REPOSITORY, ROOT
from click.testing import CliRunner
from nbformat import read, write
from nbformat.v4 import new_code_cell, new_notebook
from pybtex.database import parse_string

import pmf_minimal


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


README, MAKEFILE, CITE = text("README.md"), text("Makefile"), text("book/cite.md")
RUNNING = text("book/running.md")
PROJECT = tomllib.loads(text("pyproject.toml"))["project"]

# --- The address ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", setup_cell.FILES, ids=lambda path: path.name)
def test_the_address_is_that_of_the_configuration(path):
    """And nothing that looks like it: another owner, another spelling."""
    found = re.findall(rf"https?://[\w.-]+/[\w.-]+/{REPOSITORY.rsplit('/', 1)[1]}\b", path.read_text(encoding="utf-8"))
    assert found and set(found) == {REPOSITORY}


def test_nowhere_else_it_stands_by_hand():
    """Every file with the address is one that the tool keeps, or is made by another tool that asks the configuration."""
    kept = {path.relative_to(ROOT).as_posix() for path in setup_cell.FILES} | {"_config.yml", "book/equations.md"}
    places = [ROOT, *(ROOT / name for name in (".github", ".binder", ".devcontainer", "book", "pmf_minimal", "tests"))]
    endings = {".md", ".yml", ".yaml", ".toml", ".txt", ".json", ".cff", ".py"}
    files = {p for place in places for p in (place.glob("*") if place == ROOT else place.rglob("*"))}
    bearing = {
        p.relative_to(ROOT).as_posix() for p in files if p.suffix in endings and REPOSITORY in p.read_text("utf-8")
    }
    assert bearing == kept


def test_a_new_address_is_carried_everywhere(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    for name in ("00_a", "01_b"):
        nb = new_notebook(cells=[new_code_cell(setup_cell.CELL), new_code_cell("1")])
        write(nb, tmp_path / "notebooks" / f"{name}.ipynb")
    (tmp_path / "README.md").write_text(f"See {setup_cell.URL}/issues.")
    new = "https://example.org/others/book"
    monkeypatch.setattr(setup_cell, "ROOT", tmp_path)
    monkeypatch.setattr(setup_cell, "FILES", [tmp_path / "README.md"])
    monkeypatch.setattr(setup_cell, "CELL", setup_cell.CELL.replace(setup_cell.URL, new))
    monkeypatch.setattr(setup_cell, "URL", new)
    setup_cell.main()
    assert (tmp_path / "README.md").read_text() == f"See {new}/issues."
    for name in ("00_a", "01_b"):
        cells = read(tmp_path / "notebooks" / f"{name}.ipynb", 4).cells
        assert [cell.source for cell in cells] == [setup_cell.CELL, "1"] and f"git+{new}\n" in cells[0].source


# --- Without make ---------------------------------------------------------------------------------------------------


def recipes(makefile):
    """The commands of the Makefile as one would type them in an activated environment."""
    lines = re.sub(r"\\\n\s*", "", makefile).splitlines()
    words = {"$(BIN)/": "", "$(NOTEBOOKS)": "notebooks", "$<": "notebooks", "$(@D)": "_build/notebooks"}
    found = set()
    for line in lines:
        if line.startswith("\t"):
            for old, new in words.items():
                line = line.replace(old, new)
            found.add(line.strip().lstrip("@"))
    return found


def test_commands_without_make_are_those_of_make():
    block = re.search(r"```powershell\n(.*?)```", RUNNING, re.DOTALL)[1].splitlines()
    commands = [line for line in block if line.startswith("python ")]
    assert len(commands) == 5 and set(commands) <= recipes(MAKEFILE)
    for name, value in re.findall(r"\$env:(\w+) = (\w+)", "\n".join(block)):
        assert f"export {name} := {value}" in MAKEFILE or name == "PYTHONUTF8"


def test_execute_takes_a_folder(tmp_path):
    write(new_notebook(cells=[new_code_cell("print(1)")]), tmp_path / "b.ipynb")
    (tmp_path / "notes.txt").write_text("no notebook")
    command = [sys.executable, str(ROOT / "book/tools/execute.py"), str(tmp_path), "--to", str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.ipynb"]


# --- Hosts ----------------------------------------------------------------------------------------------------------


def valid(kind, path):
    """Whether a file is as its readers' official schema, which check-jsonschema carries, wants it."""
    done = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", f"vendor.{kind}", str(path)])
    return done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("github-workflows", ".github/workflows/site.yml"),
        ("github-workflows", ".github/workflows/test.yml"),
        ("github-workflows", ".github/workflows/weekly.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/error.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("citation-file-format", "CITATION.cff"),
    ],
)
def test_valid_by_the_official_schema(kind, name, tmp_path):
    good, said = valid(kind, ROOT / name)
    assert good, said
    facts = yaml.load(text(name), yaml.BaseLoader)
    facts["autor"] = facts.pop(next(iter(facts)))  # a key misspelt
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(facts))
    good, said = valid(kind, tmp_path / "wrong.yml")
    assert not good and "autor" in said


def workflow(name):
    return yaml.safe_load(text(f".github/workflows/{name}.yml"))["jobs"]


def test_hosted_checks_cover_pythons_and_systems():
    first, last = (int(n) for n in re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups())
    pythons = [f"3.{minor}" for minor in range(first, last)]
    jobs = workflow("test")
    assert all(job["strategy"]["matrix"]["python"] == pythons for job in jobs.values())
    assert {job.split("-")[0] for job in jobs["elsewhere"]["strategy"]["matrix"]["system"]} == {"macos", "windows"}
    steps = [step["run"] for step in jobs["linux"]["steps"] if "run" in step]
    assert {"make lint", "make test", "make book"} <= set(steps)
    classifiers = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert classifiers == pythons


WORKFLOWS = ["site", "test", "weekly"]


def test_no_workflow_is_left_out():
    assert sorted(path.stem for path in (ROOT / ".github/workflows").glob("*")) == WORKFLOWS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_a_commit_that_names_its_version(name):
    """A tag can be moved to other code; a commit cannot. One commit per action in all workflows."""
    lines = [line for line in text(f".github/workflows/{name}.yml").splitlines() if "uses:" in line]
    assert lines and all(re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line) for line in lines)
    everywhere = "\n".join(text(f".github/workflows/{other}.yml") for other in WORKFLOWS)
    for action in {re.search(r"uses: ([^@]+)@", line)[1] for line in lines}:
        assert len(set(re.findall(rf"uses: {action}@(\S+  # \S+)", everywhere))) == 1


def test_pull_requests_get_a_site_to_look_at():
    facts = yaml.load(text(".github/workflows/site.yml"), yaml.BaseLoader)
    assert facts["on"] == ["pull_request"] and facts["permissions"] == {"contents": "read"}
    steps = workflow("site")["site"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs[-1].endswith("book/tools/build_site.py notebooks") and "continue-on-error" not in text(
        ".github/workflows/site.yml"
    )
    assert steps[-1]["with"]["path"] == "_build/html"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_targets_and_files_that_workflows_call_exist(name):
    runs = [step["run"] for job in workflow(name).values() for step in job["steps"] if "run" in step]
    for run in runs:
        for target in re.findall(r"\bmake (\w+)", run):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
        for path in re.findall(r"\b[\w/]+\.(?:py|txt)\b", run):
            assert (ROOT / path).is_file() or path == "newest.txt"
    pinned = re.search(r"^torch==.*$", text("requirements.txt"), re.MULTILINE)[0]
    assert all(pinned in run for run in runs if "torch==" in run)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_weekly_run_takes_newest_packages(tmp_path):
    (step,) = [step["run"] for step in workflow("weekly")["newest"]["steps"] if "newest.txt" in step.get("run", "")][:1]
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    subprocess.run(["bash", "-c", step], cwd=tmp_path, check=True)
    lines = [line for line in (tmp_path / "newest.txt").read_text().splitlines() if not line.startswith("#") and line]
    assert {"torch", "pandas", "nbval", "pytest", "setuptools"} <= set(lines)
    assert {line.split("==")[0] for line in lines if "==" in line} == {
        "jupyter-book", "sphinx-book-theme", "sphinx-exercise", "sphinx-proof"
    }  # fmt: skip


def test_binder_installs_what_is_pinned():
    """Asked of pip, without an index: all is here in the version that the pins name, but for the package itself."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--report", "-", "--quiet", "--ignore-installed", "--no-deps", "-r", ".binder/requirements.txt"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "ipywidgets" in done.stderr  # the dry run does look at the file: with nothing installed, no index has this
    done = subprocess.run([*command, "-r", ".binder/requirements.txt"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"python-3\.1[123]\n", text(".binder/runtime.txt"))


def test_dev_container():
    container = json.loads(text(".devcontainer/devcontainer.json"))
    pinned = re.search(r"^torch==.*$", text("requirements.txt"), re.MULTILINE)[0]
    assert container["postCreateCommand"].endswith("make setup") and pinned in container["postCreateCommand"]


def test_issue_form_asks_for_chapter_and_cell():
    form = yaml.safe_load(text(".github/ISSUE_TEMPLATE/error.yml"))
    assert form["name"] and form["description"]
    fields = {field["id"]: field for field in form["body"]}
    required = {key for key, field in fields.items() if field.get("validations", {}).get("required")}
    assert required == {"chapter", "cell", "seen"} and all(field["attributes"]["label"] for field in fields.values())
    code = re.search(r"`(import platform.*)`", fields["versions"]["attributes"]["description"])[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and pmf_minimal.__version__ in done.stdout


# --- Citing, changes ------------------------------------------------------------------------------------------------

CITATION = yaml.safe_load(text("CITATION.cff"))


def test_citation_file_and_page_say_the_same():
    entries = [parse_string(found, "bibtex").entries for found in re.findall(r"```bibtex\n(.*?)```", CITE, re.DOTALL)]
    (paper,), (book,) = (list(entry.values()) for entry in entries)
    (cited,) = CITATION["references"]
    assert cited["title"] == paper.fields["title"] and cited["doi"] == paper.fields["doi"]
    assert cited["collection-title"] == paper.fields["booktitle"] and str(cited["year"]) == paper.fields["year"]
    assert f"{cited['start']}--{cited['end']}" == paper.fields["pages"]
    people = [(person.first_names, person.last_names) for person in paper.persons["author"]]
    assert people == [([p["given-names"]], [p["family-names"]]) for p in cited["authors"]]
    assert CITATION["title"] == book.fields["title"] and CITATION["authors"] == PROJECT["authors"]
    assert CITATION["version"] == PROJECT["version"] == pmf_minimal.__version__
    assert CITATION["repository-code"] == REPOSITORY and CITATION["license"] == PROJECT["license"]


def test_no_file_has_the_marks_of_a_merge():
    places = [ROOT, *(ROOT / name for name in ("book", "notebooks", "pmf_minimal", "tests", ".github"))]
    endings = {".md", ".yml", ".yaml", ".toml", ".py", ".ipynb", ".css", ".bib"}
    files = [p for place in places for p in (place.glob("*") if place == ROOT else place.rglob("*"))]
    marked = [p.name for p in files if p.suffix in endings and re.search(r"^(<{7}|>{7}) ", p.read_text("utf-8"), re.M)]
    assert len(files) > 200 and not marked


def test_changelog():
    """Keep a Changelog's headings; this version has its section, or is not released yet; the newest comes first."""
    changes = text("CHANGELOG.md")
    sections = re.findall(r"^## \[(.+?)\](.*)$", changes, re.MULTILINE)
    assert sections[0] == ("Unreleased", "")
    for version, rest in sections[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version) and re.fullmatch(r" - \d{4}-\d{2}-\d{2}", rest)
    released = [tuple(map(int, version.split("."))) for version, _ in sections[1:]]
    assert released == sorted(released, reverse=True)
    kinds = set(re.findall(r"^### (.*)$", changes, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert (
        PROJECT["version"] in [v for v, _ in sections]
        or f"version {PROJECT['version']}, which is not released" in changes
    )
    assert {v for v, _ in sections} == set(re.findall(r"^\[(.+?)\]: ", changes, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_files_around_the_book(name):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text(name)):
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", text(path), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
