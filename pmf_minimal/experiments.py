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
from scipy.stats import mannwhitneyu, spearmanr
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets import load
from pmf_minimal.evaluation import evaluate
from pmf_minimal.graphs import GraphPair
from pmf_minimal.relevance import best_match
from pmf_minimal.training import Training, fit, pick_device

#: Modules that decide what a run yields, besides data and configuration.
COMPUTES = "alignment encoders evaluation experiments freezing fusion iterative losses metrics model relevance training"


@dataclass(frozen=True)
class Cell:
    """One run: a data set, a configuration (with its seed), and what the configuration is called."""

    dataset: str
    variant: str
    config: PMFConfig


def run(
    cells: Iterable[Cell],
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


def _filed(file: Path, cell: Cell, root: Path | None, device: str) -> tuple[Path, dict]:
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


def run_cell(cell: Cell, root: Path | None = None, device: str = "cpu") -> dict:
    """Train and measure, with one thread.

    Returns:
        ``measures``: name -> number, see :func:`measure`; ``history``: one dict per epoch; ``seconds``, ``machine`` and
        ``versions`` of the run.
    """
    graphs = load(cell.dataset, root, seed=cell.config.seed)
    observer = Observer(graphs)
    with _one_thread():
        begun = time.perf_counter()
        trained = fit(graphs, cell.config, device, progress=False, watch=observer)
        seconds = time.perf_counter() - begun
        measures = observer.measure(trained.graphs)
        measures["best epoch"] = trained.best_epoch
        measures["valid MRR"] = trained.history.get("valid MRR", pd.Series(dtype=float)).max()
        for (embedding, _), row in evaluate(trained.model, trained.graphs, trained.graphs.test, cell.config).iterrows():
            for metric, value in row.items():
                name = metric if embedding == "joint" else f"{metric} {embedding}"
                measures[name] = measures.get(name, 0.0) + float(value) / 2  # both directions count alike
    return {
        "measures": {k: None if pd.isna(v) else float(v) for k, v in measures.items()},
        "history": observer.history,
        "seconds": round(seconds, 2),
        "machine": machine(device),
        "versions": f"pmf-minimal {version('pmf-minimal')}, torch {torch.__version__}, Python {platform.python_version()}",
    }


class Observer:
    """What happens to the features while a model trains; it only looks.

    Attributes:
        history: one dict per epoch: thresholds, frozen shares, figures on validation pairs, added pairs and how many of those
            that can be judged are right; where the truth is known, precision and recall of what is frozen.
    """

    def __init__(self, graphs: GraphPair):
        self.history: list[dict] = []
        self.counterpart = torch.full((graphs.num_nodes,), -1)
        for i, j in ((0, 1), (1, 0)):
            self.counterpart[graphs.pairs[:, i]] = graphs.pairs[:, j]
        self.since: dict[str, Tensor] = {}
        self.seeds = None

    def __call__(self, training: Training) -> None:
        keep = ("threshold", "frozen", "valid", "added", "loss joint")
        row = {k: v for k, v in training.history[-1].items() if k == "epoch" or k.startswith(keep)}
        train = training.probation.train.cpu()
        if self.seeds is not None and len(train) > self.seeds:
            added = train[self.seeds :]
            judged = added[(self.counterpart[added] >= 0).any(dim=1)]
            row |= {"judged": len(judged), "right": int((self.counterpart[judged[:, 0]] == judged[:, 1]).sum())}
        self.seeds = len(train)
        graphs, self.relevance = training.graphs, {m: w.cpu().clone() for m, w in training.model.relevance.items()}
        for m, active in training.model.active.items():
            frozen = (graphs.presence(m) & ~active).cpu()
            since = self.since.setdefault(m, torch.zeros(len(frozen), dtype=torch.long))
            since[frozen & (since == 0)] = training.epoch
            since[~frozen] = 0  # thawed
            if m in graphs.get("faults", {}):
                row |= self._judge(graphs, m, frozen)
        self.history.append({k: round(v, 6) for k, v in row.items()})

    def _judge(self, graphs: GraphPair, m: str, frozen: Tensor) -> dict[str, float]:
        """Precision and recall of freezing, among those who have the feature and a counterpart."""
        bad = ~graphs.relevant[m].cpu()
        known = graphs.presence(m).cpu() & (self.counterpart >= 0)
        hit = int((frozen & bad & known).sum())
        return {
            f"precision {m}": hit / max(1, int((frozen & known).sum())),
            f"recall {m}": hit / max(1, int((bad & known).sum())),
        }

    def measure(self, graphs: GraphPair) -> dict[str, float]:
        """How things stand after the last epoch, per modality, among the test pairs of which both sides have the feature.

        * ``frozen m``: share of the features that are frozen, of all entities;
        * ``correlation m``, ``spread m``: Pearson correlation of the scores of both sides; their standard deviation;
        * ``own cosine m, early``, ``late`` and ``never``: cosine of an entity's input feature to its counterpart's, mean over the
          half of the frozen ones that was frozen first, over the other half, and over the rest; ``order``: its rank
          correlation (Spearman) with the time of freezing. For images, since bags of words share no vocabulary;
        * ``added``, ``precision added``: pairs of iterative learning, and the share of right ones among those that can be judged;
        * where the truth is known ``AUC m``, ``AUC m, pairs``, ``AUC m, input``: how well the scores, the smaller score of a pair,
          and the best cosine of the input features tell relevant features (pairs) from others; ``precision m``, ``recall m``.
        """
        out, test = {}, graphs.test.cpu()
        last, rounds = self.history[-1], [row for row in self.history if row.get("judged")]
        if rounds:
            out["added"] = sum(row["added"] for row in rounds)
            out["precision added"] = sum(row["right"] for row in rounds) / sum(row["judged"] for row in rounds)
        for m, w in self.relevance.items():
            present = graphs.presence(m).cpu()
            pairs = test[present[test].all(dim=1)]
            w_left, w_right = w[pairs[:, 0]], w[pairs[:, 1]]
            out[f"frozen {m}"] = last[f"frozen {m}"]
            out[f"spread {m}"] = float(torch.cat([w_left, w_right]).std())
            out[f"correlation {m}"] = float(torch.corrcoef(torch.stack([w_left, w_right]))[0, 1])
            if m != "image":
                continue
            x = normalize(graphs.features[m].cpu())
            own = (x[pairs[:, 0]] * x[pairs[:, 1]]).sum(dim=1).repeat(2)
            since = self.since[m][pairs.T.ravel()]
            if (since > 0).any():
                middle = since[since > 0].median()
                out[f"own cosine {m}, early"] = float(own[(since > 0) & (since <= middle)].mean())
                out[f"own cosine {m}, late"] = float(own[since > middle].mean())
                out[f"own cosine {m}, never"] = float(own[since == 0].mean())
                # Those never frozen come after all others.
                order = torch.where(since > 0, since, since.max() + 1)
                out[f"own cosine {m}, order"] = float(spearmanr(order, own).statistic)
            if m in graphs.get("faults", {}):
                out |= {f"{k} {m}": last[f"{k} {m}"] for k in ("precision", "recall")}
                good = graphs.relevant[m].cpu()
                alpha = torch.zeros(len(x))
                left, right = x[: graphs.n_left], x[graphs.n_left :]
                alpha[: graphs.n_left], alpha[graphs.n_left :] = best_match(left, right)
                rows = pairs.ravel()
                out[f"AUC {m}"] = auc(w[rows], good[rows])
                out[f"AUC {m}, input"] = auc(alpha[rows], good[rows])
                out[f"AUC {m}, pairs"] = auc(torch.minimum(w_left, w_right), good[pairs].all(dim=1))
        return out


def auc(score: Tensor, good: Tensor) -> float:
    """Probability that a good one scores higher than another one, ties half; NaN where either kind is missing."""
    if good.all() or not good.any():
        return float("nan")
    u = mannwhitneyu(score[good].double(), score[~good].double()).statistic
    return float(u / (good.sum() * (~good).sum()))


def machine(device: str = "cpu") -> str:
    """The processor or GPU that computes, in words."""
    if pick_device(device).type == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def made_up(dataset: str) -> bool:
    """Whether the data, or their faults, are drawn by a seed; then the truth about features is known."""
    return dataset.startswith("synthetic/") or "+" in dataset


def key(cell: Cell, root: Path | None = None) -> str:
    """Name of a run, made from its data, configuration and code."""
    seed = cell.config.seed if made_up(cell.dataset) else 0
    content = [data_fingerprint(cell.dataset, root, seed), cell.config.to_json(), code_fingerprint()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


@cache
def data_fingerprint(dataset: str, root: Path | None, seed: int) -> str:
    """Hash of everything in a pair of graphs that a run can depend on."""
    graphs, digest = load(dataset, root, seed=seed), hashlib.sha256()
    tensors = {"edge_index": graphs.edge_index, "edge_type": graphs.edge_type, "pairs": graphs.pairs}
    for group in ("features", "present", "relevant"):
        tensors |= {f"{group} {m}": x for m, x in graphs.get(group, {}).items()}
    digest.update(f"{graphs.n_left} {graphs.num_nodes} {graphs.seed_share}".encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


@cache
def code_fingerprint() -> str:
    """Hash of the modules that compute, as the interpreter sees them: without comments, layout and docstrings."""
    digest = hashlib.sha256()
    for name in COMPUTES.split():
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()
