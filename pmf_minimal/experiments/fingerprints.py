"""What the result of a run depends on, as a name for it: data, configuration, code, libraries and device; and who computed it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from functools import cache, lru_cache
from pathlib import Path

import torch

from pmf_minimal.datasets import load
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs.code import code_fingerprint, versions
from pmf_minimal.scale.device import pick_device

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
    content = [data, config, code_fingerprint(model, RESULT_MODULES), versions(), device, extras]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


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
def machine(device: str = "cpu") -> str:
    """The processor or GPU that computes, in words."""
    if pick_device(device).type == "cuda":
        return torch.cuda.get_device_name()
    # No library that is kept knows the model's name: psutil does not, and two packages install a module `cpuinfo`.
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if os.path.exists(info) else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"
