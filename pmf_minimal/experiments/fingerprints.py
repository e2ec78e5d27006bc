"""What the result of a run depends on, as a name for it: data, configuration, code, libraries and device."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from pmf_minimal.baselines.registry import find
from pmf_minimal.datasets import load
from pmf_minimal.graphs import GraphPair

LIBRARIES = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn")

#: Beside the model's own, the modules by which a result comes about, with all that they import.
RESULT_MODULES = ("pmf_minimal.datasets", "pmf_minimal.experiments.diagnostics", "pmf_minimal.experiments.splits")

#: A pair of graphs by name, root and random seed; synthetic ones are drawn anew for each.
graphs_of = lru_cache(maxsize=12)(lambda dataset, root, seed: load(dataset, root, seed=seed))


def key(data: str, config: str, model: str, device: str, extras: dict) -> str:
    """Name of a run.

    Args:
        data: what :func:`data_fingerprint` gives.
        config: every setting, as JSON.
        model: name of the model, whose code counts.
        device: ``cpu`` or ``cuda``.
        extras: what else it depends on; JSON can hold it.
    """
    content = [data, config, code_fingerprint(model), versions(), device, extras]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


@cache
def versions() -> dict[str, str]:
    """The libraries that compute, and their versions."""
    return {library: version(library) for library in LIBRARIES}


@cache
def data_fingerprint(dataset: str, root: Path | None, seed: int) -> str:
    """Hash of everything in a pair of graphs that a run can depend on."""
    return fingerprint(graphs_of(dataset, root, seed))


def fingerprint(graphs: GraphPair) -> str:
    """The same for graphs at hand; a split that they have counts too."""
    digest = hashlib.sha256()
    tensors = {"edge_index": graphs.edge_index, "edge_type": graphs.edge_type, "pairs": graphs.pairs}
    tensors |= {name: graphs[name] for name in ("numbers", "train", "valid", "test") if name in graphs}
    for group in ("features", "masks", "relevant"):
        tensors |= {f"{group} {m}": x for m, x in graphs.get(group, {}).items()}
    digest.update(f"{graphs.n_left} {graphs.num_nodes} {graphs.seed_share}".encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


@cache
def code_fingerprint(model: str = "pmf") -> str:
    """Hash of every module that a run of a model imports, as the interpreter sees them: without comments, layout and docstrings."""
    digest = hashlib.sha256()
    for file in imported_files(*RESULT_MODULES, find(model).__module__):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def imported_files(*modules: str) -> list[Path]:
    """The package's files that some modules import, directly or not, wherever the import stands; sorted.

    A string that names a module of the package counts as an import: policies and systems are registered by such strings.
    """
    package = Path(__file__).parents[1]
    files: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        base = package.parent / name.replace(".", "/")
        file = next((f for f in (base.with_suffix(".py"), base / "__init__.py") if f.is_file()), None)
        if file is None or file in files:
            continue
        files.add(file)
        room = name.rpartition(".")[0]  # its own file runs first
        waiting += [other for other in (room, *_imports(file)) if other.split(".")[0] == "pmf_minimal"]
    return sorted(files)


def _imports(file: Path) -> list[str]:
    """Names of the modules that a file imports, or may import: of ``from a import b`` both a and a.b."""
    names: list[str] = []
    front_door = file == Path(__file__).parents[1] / "__init__.py"  # it names all, and loads only what is asked for
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not front_door:
            names.append(node.value.partition(":")[0])
    return names
