"""The package without its extras: what works, what says which extra is missing, and that no import was forgotten."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from bookfiles import ROOT
from packaging.requirements import Requirement

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DISTRIBUTIONS = metadata.packages_distributions()  # half a second: once, and not for each module of the package


def normal(name):
    return name.lower().replace("_", "-")


def declared(requirements):
    """Names of the distributions that a list of requirements asks for, its own extras resolved."""
    names = set()
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["name"]:
            names |= declared(line for name in requirement.extras for line in EXTRAS[name])
        else:
            names.add(normal(requirement.name))
    return names


def guarded(tree):
    """Import statement -> the extra whose ``with extra(...)`` it stands in; "" for one that catches ImportError itself."""
    found = {}
    for node in ast.walk(tree):
        name = None
        if isinstance(node, ast.With):
            call = node.items[0].context_expr
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "extra":
                name = call.args[0].value
        elif (
            isinstance(node, ast.Try)
            and any("ImportError" in ast.dump(h.type) for h in node.handlers if h.type)
            or isinstance(node, ast.If)
            and getattr(node.test, "id", "") == "TYPE_CHECKING"
        ):
            name = ""
        if name is not None:
            found |= {child: name for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)}
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "pmf_minimal").rglob("*.py")), ids=lambda p: p.stem)
def test_every_library_is_declared(path):
    """A library is a dependency of the package, or its import says which extra brings it."""
    tree = ast.parse(path.read_text("utf-8"))
    core = declared(PROJECT["dependencies"])
    within = guarded(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module]
        else:
            continue
        for module in {m.partition(".")[0] for m in modules} - sys.stdlib_module_names - {"pmf_minimal"}:
            names = {normal(name) for name in DISTRIBUTIONS.get(module, [module])}
            allowed = core | declared(EXTRAS[within[node]]) if within.get(node) else core
            assert names & allowed or within.get(node) == "", f"{path.name}: {module}"


def without(*modules, code):
    """Run Python where some modules cannot be imported; returns what it did."""
    block = f"import sys; sys.modules.update(dict.fromkeys({modules!r}))\n"
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True, timeout=120)


@pytest.fixture
def not_imported():
    """Nothing of the package is imported yet; afterwards it is as it was. A process of its own would load PyTorch first."""

    def taken_out():
        return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "pmf_minimal"}

    before = taken_out()
    yield
    taken_out()
    sys.modules.update(before)


HEAVY = ("IPython", "PIL", "matplotlib", "seaborn", "yaml", "jsonschema", "joblib", "sklearn", "statsmodels")
HEAVY += ("pyoxigraph", "faiss", "distributed")


def test_the_package_alone_trains_and_aligns():
    code = """
import pmf_minimal as pmf
run = pmf.fit(pmf.load("emoji/fr_en"), dim=8, epochs=2, iterative_epochs=0, progress=False)
print(len(run.matches()), len(run.evaluate()))
"""
    done = without(*HEAVY, code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "12"  # six embeddings, two directions


@pytest.mark.parametrize(
    ("module", "imported", "name"),
    [
        ("IPython", "pmf_minimal.teaching.plots", "book"),
        ("seaborn", "pmf_minimal.teaching.plots", "book"),
        ("PIL", "pmf_minimal.teaching.slider", "book"),
        ("PIL", "pmf_minimal.datasets.vision", "images"),
        ("yaml", "pmf_minimal.experiments.cards", "experiments"),
        ("joblib", "pmf_minimal.experiments.runner", "experiments"),
        ("sklearn", "pmf_minimal.experiments.diagnostics", "experiments"),
    ],
)
def test_a_missing_library_names_its_extra(not_imported, monkeypatch, module, imported, name):
    for part in [part for part in sys.modules if part.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, part)
    monkeypatch.setitem(sys.modules, module, None)
    said = re.escape(f'{module} is not installed; get it with: pip install "pmf-minimal[{name}]"')
    with pytest.raises(Exception, match=said):
        importlib.import_module(imported)


def test_the_command_line_says_it_in_one_sentence():
    code = "from pmf_minimal.cli.main import main; main(['experiment', 'ablations'])"
    done = without("yaml", code=code)
    assert done.returncode == 2
    assert done.stderr.strip() == 'Error: yaml is not installed; get it with: pip install "pmf-minimal[experiments]"'


def test_pictures_say_it_and_features_do_not_need_it():
    code = """
from pmf_minimal.datasets import emoji, load
print(load("emoji/fr_en").features["image"].shape)
emoji.pictures("fr_en")["en/emoji/hedgehog"]
"""
    done = without("PIL", code=code)
    assert "torch.Size" in done.stdout and 'pip install "pmf-minimal[book]"' in done.stderr


def test_other_errors_pass():
    with pytest.raises(ModuleNotFoundError, match="pmf_minimal.nowhere"), extra("book"):
        import pmf_minimal.nowhere  # noqa: F401
    with pytest.raises(ZeroDivisionError), extra("book"):
        1 / 0  # noqa: B018
    with pytest.raises(DataError, match=r"no_such is not installed; .*pmf-minimal\[ann\]"), extra("ann"):
        import no_such.part  # noqa: F401
