"""Experiments: data sets x variants x seeds, run by run, into one table; after a halt it goes on where it was."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import joblib
import pandas as pd
import torch
from tqdm import tqdm

from pmf_minimal.baselines.registry import find
from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets import load
from pmf_minimal.experiments.diagnostics import train_and_measure
from pmf_minimal.scale.device import pick_device


@dataclass(frozen=True)
class RunSpec:
    """One run: a data set, a configuration (with its seed), and what the configuration is called."""

    dataset: str
    variant: str
    config: PMFConfig


def run(
    cells: Iterable[RunSpec],
    cache: Path,
    *,
    jobs: int = 1,
    dask: str | None = None,
    root: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what has not been run before, and collect everything.

    A run's result lies in the cache under a name made from its content: the data, every field of the configuration, and the
    code that computes (comments and docstrings aside). So a grid that was killed goes on, two grids share what they
    have in common, and a change of the code runs everything again.

    Args:
        cells: the grid.
        cache: folder of results, one JSON file a run.
        jobs: processes on this machine. Each run computes with one thread, so its result does not depend on their number.
        dask: address of a Dask scheduler that hands the runs to its workers instead; they need the package and the data.
        root: folder of the benchmarks, see ``datasets.load``.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: show a bar.

    Returns:
        One row per run: dataset, variant, seed; measures; seconds, machine, versions; and ``config.*``, every field. And
        one row per epoch of each run: dataset, variant, seed, epoch, and what was observed.
    """
    cells = list(cells)
    cache.mkdir(parents=True, exist_ok=True)
    files = [cache / f"{key(cell, root)}.json" for cell in cells]
    missing = {file: cell for file, cell in zip(files, cells, strict=True) if not file.exists()}
    with _client(dask), joblib.parallel_config("dask") if dask else nullcontext():
        work = joblib.Parallel(n_jobs=-1 if dask else jobs, return_as="generator_unordered")
        results = work(joblib.delayed(_filed)(file, cell, root, device) for file, cell in missing.items())
        for file, result in tqdm(
            results, total=len(missing), desc="experiments", unit="run", disable=not (progress and missing)
        ):
            part = file.with_suffix(".part")
            part.write_text(json.dumps(result))
            os.replace(part, file)
    rows, histories = [], []
    for file, cell in zip(files, cells, strict=True):
        result = json.loads(file.read_text())
        name = {"dataset": cell.dataset, "variant": cell.variant, "seed": cell.config.seed}
        config = {f"config.{k}": _flat(v) for k, v in asdict(cell.config).items()}
        about = {k: result[k] for k in ("seconds", "machine", "versions")}
        rows.append(name | result["measures"] | about | config)
        histories += [name | row for row in result["history"]]
    return pd.DataFrame(rows), pd.DataFrame(histories)


def _filed(file: Path, cell: RunSpec, root: Path | None, device: str) -> tuple[Path, dict]:
    return file, run_cell(cell, root, device)


def _client(dask: str | None):
    if not dask:
        return nullcontext()
    from distributed import Client  # only those who have a cluster need it

    return Client(dask)


def _flat(value):
    """A field of a configuration as one cell of a table."""
    return value if isinstance(value, str | int | float | None) else json.dumps(value)


@contextmanager
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_cell(cell: RunSpec, root: Path | None = None, device: str = "cpu") -> dict:
    """Train and measure, with one thread.

    Returns:
        ``measures``: name -> number, see ``observer``; ``history``: one dict per epoch; ``seconds`` of its one core, or of
        the clock on a GPU; ``machine`` and ``versions`` of the run.
    """
    graphs = load(cell.dataset, root, seed=cell.config.seed)
    # What else the processor does must not count.
    clock = time.process_time if pick_device(device).type == "cpu" else time.perf_counter
    begun = clock()
    with _one_thread():
        measures, history = train_and_measure(graphs, cell.config, device)
    seconds = clock() - begun
    return {
        "measures": measures,
        "history": history,
        "seconds": round(seconds, 2),
        "machine": machine(device),
        "versions": f"pmf-minimal {version('pmf-minimal')}, torch {torch.__version__}, Python {platform.python_version()}",
    }


def machine(device: str = "cpu") -> str:
    """The processor or GPU that computes, in words."""
    if pick_device(device).type == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def is_synthetic(dataset: str) -> bool:
    """Whether the data, or their faults, are drawn by a seed; then the truth about features is known."""
    return dataset.startswith("synthetic/") or "+" in dataset


def key(cell: RunSpec, root: Path | None = None) -> str:
    """Name of a run, made from its data, configuration and code."""
    seed = cell.config.seed if is_synthetic(cell.dataset) else 0
    content = [data_fingerprint(cell.dataset, root, seed), cell.config.to_json(), code_fingerprint(cell.config.model)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


@cache
def data_fingerprint(dataset: str, root: Path | None, seed: int) -> str:
    """Hash of everything in a pair of graphs that a run can depend on."""
    graphs, digest = load(dataset, root, seed=seed), hashlib.sha256()
    tensors = {"edge_index": graphs.edge_index, "edge_type": graphs.edge_type, "pairs": graphs.pairs}
    if "numbers" in graphs:
        tensors["numbers"] = graphs.numbers
    for group in ("features", "present", "relevant"):
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
    for file in imported_files("pmf_minimal.datasets", "pmf_minimal.experiments.diagnostics", find(model).__module__):
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
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("pmf_minimal.")
            ):
                waiting.append(node.value.partition(":")[0])
        waiting = [name for name in waiting if name.split(".")[0] == "pmf_minimal"]
    return sorted(files)
