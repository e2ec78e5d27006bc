"""Experiments: data sets x variants x random seeds, run by run, into one table; after a halt it goes on where it was."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import RLock

import pandas as pd
import torch
from tqdm import tqdm

from pmf_minimal.baselines.registry import find
from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.extras import extra
from pmf_minimal.datasets.folders import exclusive
from pmf_minimal.errors import DataError, Diverged
from pmf_minimal.experiments import cache as files
from pmf_minimal.experiments.diagnostics import train_and_measure
from pmf_minimal.experiments.fingerprints import data_fingerprint, fingerprint, graphs_of, machine
from pmf_minimal.experiments.fingerprints import key as name_of
from pmf_minimal.experiments.splits import shipped_split
from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale.cluster import check_address, connected
from pmf_minimal.scale.device import pick_device

with extra("experiments"):
    import joblib


@dataclass(frozen=True)
class RunSpec:
    """One run.

    Attributes:
        dataset: name of the data set.
        variant: what the configuration is called.
        config: every setting, with the random seed.
        split: file below the root that says which pairs are for training; None for a split drawn by the random seed.
        readings: name -> changed settings; the trained model is read again by each, for example with other candidates.
        may_diverge: whether a run that diverges counts as one that finds nothing on validation pairs; for the choice of a rate.
    """

    dataset: str
    variant: str
    config: PMFConfig
    split: str | None = None
    readings: dict[str, dict] = field(default_factory=dict)
    may_diverge: bool = False

    def __str__(self) -> str:
        return f"{self.dataset}, {self.variant}, random seed {self.config.seed}"


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

    A run's result lies in the cache under a name made from all that it depends on: the data, every field of the configuration, the
    code that computes (comments and docstrings aside), the libraries' versions and the device. So a grid that was killed goes on, two
    grids share what they have in common, and a change of the code runs everything again.

    Args:
        cells: the grid.
        cache: folder of results, one JSON file a run; one experiment at a time may use it.
        jobs: processes on this machine, -1 for one per core. Each run computes with one thread, so its result does not depend on
            their number.
        dask: address of a Dask scheduler that hands the runs to its workers instead; they need the package and the data.
        root: folder of the benchmarks, see ``datasets.load``.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: show a bar.

    Returns:
        One row per run: dataset, variant, seed; measures; seconds, machine, versions; and ``config.*``, every field. And
        one row per epoch of each run: dataset, variant, seed, epoch, and what was observed.

    Raises:
        DataError: a run cannot be made (said before any is made), the cache is in use or cannot be written, or a run failed.
    """
    cells = list(cells)
    check(cells, jobs, device, root, dask)
    keys = [key(cell, root, device) for cell in cells]
    names = dict(zip(keys, cells, strict=True))
    with exclusive(cache / "lock", str(cache)):
        found = {name: files.read(cache / f"{name}.json") for name in names}
        missing = {name: cell for name, cell in names.items() if found[name] is None}
        with connected(dask) as client, joblib.parallel_config("dask") if client else nullcontext():
            work = joblib.Parallel(
                n_jobs=-1 if client else min(jobs, max(len(missing), 1)), return_as="generator_unordered"
            )
            results = work(joblib.delayed(_named)(name, cell, root, device) for name, cell in missing.items())
            silent = not (progress and missing)
            with closing(results):  # whatever happens, the processes end here
                for name, result in tqdm(results, total=len(missing), desc="experiments", unit="run", disable=silent):
                    files.write(cache / f"{name}.json", result)
                    found[name] = result
    return _tables(cells, [found[name] for name in keys])


def _tables(cells: list[RunSpec], results: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs and epochs as tables."""
    rows, histories = [], []
    for cell, result in zip(cells, results, strict=True):
        name = {"dataset": cell.dataset, "variant": cell.variant, "seed": cell.config.seed}
        config = {f"config.{k}": _flat(v) for k, v in asdict(cell.config).items()}
        about = {k: result[k] for k in ("seconds", "machine", "versions")}
        rows.append(name | result["measures"] | about | config)
        histories += [name | row for row in result["history"]]
    return pd.DataFrame(rows), pd.DataFrame(histories)


def _flat(value):
    """A field of a configuration as one cell of a table."""
    return value if isinstance(value, str | int | float | None) else json.dumps(value)


def check(
    cells: Iterable[RunSpec],
    jobs: int = 1,
    device: str = "cpu",
    root: Path | None = None,
    dask: str | None = None,
) -> None:
    """Refuse at once what no run could do: data that are not there, shares that leave no pairs, a model without its modalities.

    Raises:
        DataError: the message names the run.
    """
    if jobs == 0:
        raise DataError("jobs=0: give a number of processes, or -1 for one per core")
    check_address(dask)
    try:
        pick_device(device)
    except ValueError as error:
        raise DataError(str(error)) from None
    for cell in cells:
        try:
            model = find(cell.config.model)
            config = model.resolve_config(cell.config)
            graphs = _graphs(cell, root)
            usable = set(graphs.modalities) if model.uses is None else set(graphs.modalities) & set(model.uses)
            if not usable & set(config.modalities):
                raise DataError(f"of {', '.join(config.modalities)} the model can use none of these graphs'")
        except (ValueError, TypeError) as error:
            raise DataError(f"{cell}: {error}") from None


def _graphs(cell: RunSpec, root: Path | None) -> GraphPair:
    """What a run trains on."""
    graphs, config = graphs_of(cell.dataset, root, _data_seed(cell)), cell.config
    if cell.split is None:
        return graphs.split(config.seed, config.train_share, config.valid_share)
    folder = root or os.environ.get("PMF_DATA")
    if folder is None:
        raise DataError(f"the split {cell.split} is not there without a folder of benchmarks; name it with --root")
    return shipped_split(graphs, Path(folder) / cell.split, config.seed, config.valid_share)


def is_synthetic(dataset: str) -> bool:
    """Whether the data, or their faults, are drawn by a random seed; then the truth about features is known."""
    return dataset.startswith("synthetic/") or "+" in dataset


def _data_seed(cell: RunSpec) -> int:
    return cell.config.seed if is_synthetic(cell.dataset) else 0


def key(cell: RunSpec, root: Path | None = None, device: str = "cpu") -> str:
    """Name of a run, made from everything that its result depends on."""
    if cell.split is None:
        data = data_fingerprint(cell.dataset, root, _data_seed(cell))
    else:
        data = fingerprint(_graphs(cell, root))
    return name_of(data, cell.config.to_json(), cell.config.model, pick_device(device).type, cell.readings)


def _named(name: str, cell: RunSpec, root: Path | None, device: str) -> tuple[str, dict]:
    """A run and its name; what goes wrong says in which run."""
    tqdm.set_lock(RLock())  # tqdm's own, between processes, is reported as lost where one is ended
    try:
        return name, run_cell(cell, root, device)
    except DataError as error:
        raise DataError(f"{cell}: {error}") from None
    except Exception as error:
        raise RuntimeError(f"{cell}: {error}") from error


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
        ``measures``: name -> number, see ``train_and_measure``; ``history``: one dict per epoch; ``seconds`` of its one core, or of
        the clock on a GPU; ``machine`` and ``versions`` of the run.
    """
    graphs = _graphs(cell, root)
    # What else the processor does must not count.
    clock = time.process_time if pick_device(device).type == "cpu" else time.perf_counter
    begun = clock()
    try:
        with _one_thread():
            measures, history = train_and_measure(graphs, cell.config, device, cell.readings)
    except Diverged:
        if not cell.may_diverge:
            raise
        measures, history = {"valid MRR": 0.0}, []
    seconds = clock() - begun
    return {
        "measures": measures,
        "history": history,
        "seconds": round(seconds, 2),
        "machine": machine(device),
        "versions": f"pmf-minimal {version('pmf-minimal')}, torch {torch.__version__}, Python {platform.python_version()}",
    }
