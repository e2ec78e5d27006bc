"""By which code a result came about: its fingerprint, and the libraries' versions."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pmf_minimal.baselines.registry import find

LIBRARIES = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn")
PACKAGE = Path(__file__).parents[1]


@cache
def versions() -> dict[str, str]:
    """The libraries that compute, and their versions; "" for one that is not installed."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # an extra
            found[library] = ""
    return found


@cache
def code_fingerprint(model: str, modules: tuple[str, ...]) -> str:
    """Hash of every module that a run of a model imports, as the interpreter sees them: without comments, layout and docstrings.

    Args:
        model: its name; one of your own counts with its file.
        modules: those by which a result comes about, beside the model's own.
    """
    return modules_fingerprint(*modules, find(model).__module__)


@cache
def modules_fingerprint(*modules: str) -> str:
    """The same of all that some modules import, with themselves."""
    digest = hashlib.sha256()
    for file in imported_files(*modules):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def imported_files(*modules: str) -> list[Path]:
    """The package's files that some modules import, directly or not, wherever the import stands; sorted.

    A string that names a module of the package counts as an import: policies and systems are registered by such strings. Of
    modules outside the package only those count that are named here.
    """
    files: set[Path] = set()
    for name in modules:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and name.partition(".")[0] != PACKAGE.name:
            files.add(Path(file))
    waiting = [*modules, *(name for file in files for name in _imports(file))]
    while waiting:
        name = waiting.pop()
        if name.split(".")[0] != PACKAGE.name:
            continue
        base = PACKAGE.parent / name.replace(".", "/")
        file = next((f for f in (base.with_suffix(".py"), base / "__init__.py") if os.path.isfile(f)), None)
        if file is None or file in files:
            continue
        files.add(file)
        room = name.rpartition(".")[0]  # its own file runs first
        waiting += [room, *_imports(file)]
    return sorted(files)


def _imports(file: Path) -> list[str]:
    """Names of the modules that a file imports, or may import: of ``from a import b`` both a and a.b."""
    names: list[str] = []
    front_door = file == PACKAGE / "__init__.py"  # it names all, and loads only what is asked for
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not front_door:
            names.append(node.value.partition(":")[0])
    return names
