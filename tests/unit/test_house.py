"""The rules of the house: who may import whom, and how long a thing may be. They are read off the source, nothing is run.

An import inside a function counts like any other. The front door, `pmf_minimal/__init__.py`, stands above all rooms: it
may lead anywhere, and what others take from it (the version) is no dependency.
"""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest
from bookfiles import ROOT

PACKAGE = "pmf_minimal"
ROOMS = ("beyond", "baselines", "scale", "datasets", "runs", "own", "experiments", "teaching", "cli")
# Above all others but teaching and cli; each may import those before it.
UPPER = ("runs", "own", "experiments")
# One file per equation or two: they stay readable without the rest.
METHOD = ("encoders", "relevance", "freezing", "fusion", "losses", "matching", "metrics")
ROOT_LINES, MODULE_LINES, FUNCTION_LINES = 1600, 250, 60


# --- Reading --------------------------------------------------------------------------------------------------------


def sources(folder):
    """Module -> its path, for every Python file of a package."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module, path, modules):
    """The modules of the package that one of them imports."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # what only a type checker reads is never imported
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: one dot is the folder that the file is in
                folder = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                folder = folder[: len(folder) - node.level + 1]
                base = ".".join([*folder, *([base] if base else [])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else base for name in names}
    return {name for name in found if name in modules} - {module}


def graph(folder):
    """Module -> modules that it imports, both without the package's name; the front door is left out."""
    modules = sources(folder)
    short = {name: name.partition(".")[2] for name in modules}
    return {
        short[name]: {short[other] for other in imports(name, path, modules)} - {""}
        for name, path in modules.items()
        if short[name]
    }


def room(module):
    """The room that a module is in; "" for the root, whose `__main__` belongs to the command line."""
    first = module.partition(".")[0]
    return first if first in ROOMS else "cli" if module == "__main__" else ""


# --- Rules ----------------------------------------------------------------------------------------------------------


def cycles(edges):
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def wrong(edges, may_not):
    """`importer -> imported` for all that the rule, asked of both, does not allow."""
    return sorted(f"{a} -> {b}" for a, others in edges.items() for b in others if may_not(a, b))


RULES = {
    "datasets stand on errors and graphs alone": lambda a, b: (
        room(a) == "datasets" and room(b) != "datasets" and b not in ("errors", "graphs")
    ),
    # The register of systems is a dictionary of names; it imports nothing when it is imported.
    "the root imports only the root and scale": lambda a, b: (
        room(a) == "" and room(b) not in ("", "scale") and b != "baselines.registry"
    ),
    "the method imports only the root, kernels and sparse bookkeeping": lambda a, b: (
        a in METHOD and room(b) != "" and b not in ("scale.kernels", "scale.neighbours")
    ),
    "no one imports cli but __main__": lambda a, b: room(b) == "cli" and room(a) != "cli",
    "teaching is imported by no other room": lambda a, b: room(b) == "teaching" and room(a) != "teaching",
    "runs, own and experiments stand on top, in this order": lambda a, b: (
        room(b) in UPPER and room(a) not in (*UPPER[UPPER.index(room(b)) :], "teaching", "cli")
    ),
}


def too_long(folder, module_lines=MODULE_LINES, function_lines=FUNCTION_LINES):
    """Modules and functions that are longer than they may be, with their number of lines."""
    found = []
    for name, path in sources(folder).items():
        text = path.read_text(encoding="utf-8")
        if (length := len(text.splitlines())) > module_lines:
            found.append(f"{name}: {length}")
        for node in ast.walk(ast.parse(text)):
            length = node.end_lineno - node.lineno + 1 if isinstance(node, ast.FunctionDef) else 0
            if length > function_lines:
                found.append(f"{name}.{node.name}: {length}")
    return found


def asked_of_paths(folder):
    """Calls of `path.exists()` and its like: for a name that is too long, or in a folder that may not be entered, they raise an OSError."""
    found = []
    for name, path in sources(folder).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            asked = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            own = asked and ast.unparse(node.func.value) != "os.path"
            if own and node.func.attr in ("exists", "is_dir", "is_file", "is_symlink"):
                found.append(f"{name}: {ast.unparse(node)}")
    return found


# --- The package ----------------------------------------------------------------------------------------------------

EDGES = graph(ROOT / PACKAGE)


def test_no_cycle():
    assert not (found := cycles(EDGES)), found[0]


@pytest.mark.parametrize("rule", RULES)
def test_who_imports_whom(rule):
    assert not (found := wrong(EDGES, RULES[rule])), "\n".join(found)


def test_every_folder_is_a_room():
    folders = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert folders <= set(ROOMS), "a new room needs its place in the rules"


@pytest.mark.parametrize("module", METHOD)
def test_the_method_has_its_modules(module):
    assert module in EDGES, "a module that was renamed is under no rule"


def test_nothing_is_too_long():
    assert not (found := too_long(ROOT / PACKAGE)), "\n".join(found)


def test_paths_are_asked_by_os_path():
    assert not (found := [f for f in asked_of_paths(ROOT / PACKAGE) if "member" not in f]), found  # of a zip archive


def test_the_root_is_an_evening_s_reading():
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / PACKAGE).glob("*.py")}
    assert sum(lines.values()) <= ROOT_LINES, lines


# --- The rules themselves -------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    """Writes a small package and gives its folder."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / PACKAGE / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in (tmp_path / PACKAGE, path.parent):
                (folder / "__init__.py").touch()
        return tmp_path / PACKAGE

    return write


def test_imports_are_read_however_they_are_written(package):
    folder = package(
        a="import pmf_minimal.b\nimport torch\n",
        b="def f():\n    from pmf_minimal.scale import kernels, nothing\n",
        c="from pmf_minimal import a, __version__\nfrom .b import f\n",
        scale__kernels="from . import blocks\nfrom .. import a\nfrom ..b import f\n",
        scale__blocks="",
    )
    found = {name: others for name, others in graph(folder).items() if others}
    assert found == {
        "a": {"b"},
        "b": {"scale.kernels", "scale"},
        "c": {"a", "b"},
        "scale.kernels": {"scale.blocks", "a", "b"},
    }
    assert "scale.kernels -> b" in cycles(graph(folder))[0]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (0, ("datasets.text", "config"), ("datasets.text", "datasets.lines")),
        (0, ("datasets.text", "scale.blockwise"), ("datasets.text", "graphs")),
        (1, ("model", "beyond.evidence"), ("training", "scale.memory")),
        (1, ("training", "datasets"), ("__main__", "cli.main")),
        (2, ("matching", "scale.blockwise"), ("losses", "scale.kernels")),
        (3, ("own.rdf", "cli.main"), ("__main__", "cli.main")),
        (4, ("cli.main", "teaching.plots"), ("teaching.slider", "teaching.plots")),
        (5, ("baselines.eva", "experiments.cards"), ("cli.experiment", "experiments.cards")),
        (5, ("own.tables", "experiments.cards"), ("experiments.runner", "own.tables")),
        (5, ("scale.memory", "own"), ("own.rdf", "own.tables")),
        (5, ("runs.run", "own.tables"), ("own.alignment", "runs.run")),
        (5, ("beyond.evidence", "runs.run"), ("cli.main", "runs.run")),
    ],
)
def test_a_rule_tells_wrong_from_right(rule, bad, good):
    edges = {bad[0]: {bad[1]}} | {good[0]: {good[1]}} if bad[0] != good[0] else {bad[0]: {bad[1], good[1]}}
    assert wrong(edges, list(RULES.values())[rule]) == [" -> ".join(bad)]


def test_questions_to_paths_are_found(package):
    folder = package(a="import os\nos.path.exists(x)\nif p.is_dir() or (p / 'a').exists():\n    pass\n")
    assert asked_of_paths(folder) == ["pmf_minimal.a: p.is_dir()", "pmf_minimal.a: (p / 'a').exists()"]


def test_what_is_too_long_is_found(package):
    folder = package(a="def f():\n    x = 1\n    return x\n\n\ndef g():\n    return 1\n", b="x = 1\n" * 9)
    assert too_long(folder, 8, 2) == ["pmf_minimal.a.f: 3", "pmf_minimal.b: 9"]
    assert too_long(folder, 9, 3) == []
