"""What a finished run leaves on disk, one format for ``train`` and ``align``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.escape import spreadsheet
from pmf_minimal.errors import DamagedFile, DataError, OtherRun
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs.files import read_json, read_tensors, write_json, write_tensors
from pmf_minimal.scale.settings import FORMAT, check_format

if TYPE_CHECKING:
    from pmf_minimal.model import EntityAligner
    from pmf_minimal.runs.run import Run

SPLIT = ("train", "valid", "test")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV, without its index; no cell of words is one that a spreadsheet would run."""
    words = table.select_dtypes(["object", "string"]).columns
    table = table.assign(**{c: table[c].map(lambda x: spreadsheet(x) if isinstance(x, str) else x) for c in words})
    table.to_csv(path, index=False, float_format="%.6g")


def write_metrics(run: Run, folder: Path) -> None:
    """``metrics.json``: the figures on the test pairs."""
    table = run.evaluate()
    rows = [dict(zip(table.index.names, key, strict=True)) | row for key, row in table.to_dict("index").items()]
    facts = {"dataset": run.graphs.name, "best_epoch": run.best_epoch, "test_pairs": len(run.graphs.test), "test": rows}
    (folder / "metrics.json").write_text(json.dumps({"format": FORMAT} | facts, indent=2) + "\n", "utf-8")


def metrics_table(metrics: dict) -> pd.DataFrame:
    """Test figures of ``metrics.json``: a row per embedding, columns by direction and metric.

    Raises:
        DataError: the file is of another version of the package.
    """
    check_format(metrics, "metrics.json")
    table = pd.DataFrame(metrics["test"]).pivot(
        index="embedding", columns="direction", values=["Hits@1", "Hits@10", "MRR"]
    )
    return table.swaplevel(axis=1).sort_index(axis=1)


def write_model(run: Run, folder: Path, **facts) -> None:
    """Weights, settings, history, and what says which graphs and pairs they belong to; ``facts`` are kept beside these."""
    write_tensors(folder / "model.safetensors", run.model.state_dict())
    config = {"format": FORMAT} | json.loads(run.config.to_json())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    run.history.to_csv(folder / "history.csv")
    known = {name: getattr(run.graphs, name).tolist() for name in SPLIT}
    about = {"format": FORMAT, "best_epoch": run.best_epoch, "modalities": run.graphs.modalities}
    about["graphs"] = fingerprint(run.graphs, image_values=False)
    write_json(folder / "run.json", about | {"images": image_projection(run.graphs).round(5).tolist()} | known | facts)


def read(folder: Path, graphs: GraphPair) -> tuple[PMFConfig, dict, dict[str, Tensor], pd.DataFrame]:
    """Configuration, facts of ``run.json``, weights and history of a run on these graphs.

    Raises:
        DataError: MissingFile or DamagedFile, no complete folder of a run; OtherRun, it is of other graphs.
    """
    facts = read_json(folder / "run.json")
    check_format(facts, folder / "run.json")
    try:
        config = PMFConfig.from_json(json.dumps(read_json(folder / "config.json")))
        missing = ", ".join(m for m in facts["modalities"] if m not in graphs.modalities)
        same = facts["graphs"] == fingerprint(graphs, image_values=False)
        same = same and np.allclose(np.array(facts["images"], np.float32), image_projection(graphs), rtol=0, atol=1e-3)
        pairs = [torch.tensor(facts[name], dtype=torch.long).reshape(-1, 2) for name in SPLIT]
        history = pd.read_csv(folder / "history.csv", index_col="epoch")
        facts["best_epoch"] = int(facts["best_epoch"])
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise DamagedFile(f"{folder}: not what a run writes ({error}); make the folder again") from None
    if missing:
        raise OtherRun(
            f"{folder}: trained with {missing} too, which these graphs lack; give the same files, and the same "
            "features (on the command line with --features)"
        )
    if not same:
        more = ", ".join(m for m in graphs.modalities if m not in facts["modalities"])
        raise OtherRun(
            f"{folder}: trained on other graphs than these{f', without {more}' * bool(more)}; give the same files, or "
            "train anew"
        )
    every = torch.cat(pairs)
    if len(every) and not (int(every.min()) >= 0 and int(every.max()) < graphs.num_nodes):
        raise DamagedFile(f"{folder / 'run.json'}: a pair that does not exist; make the folder again")
    return config, facts, read_tensors(folder / "model.safetensors"), history


def load_state(model: EntityAligner, state: dict[str, Tensor], folder: Path) -> None:
    """Give a model its weights.

    Raises:
        DamagedFile: they are those of another model.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise DamagedFile(f"{folder / 'model.safetensors'}: not the weights of this model ({reason})") from None


def fingerprint(graphs: GraphPair, image_values: bool = True) -> str:
    """SHA-256 of entities, triples, features and split; without ``image_values`` only of which entities have an image, and no split.

    Args:
        graphs: the pair of graphs.
        image_values: networks differ in the last digit from machine to machine, so the images of a run that may be read
            elsewhere are compared by :func:`image_projection` instead.
    """
    about = [graphs.n_left, graphs.num_nodes, graphs.get("uris"), graphs.get("relation_names")]
    digest = hashlib.sha256(json.dumps(about).encode())
    for x in (graphs.edge_index, graphs.edge_type):
        digest.update(x.cpu().numpy().tobytes())
    for m, x in sorted(graphs.features.items()):
        digest.update(f"{m}{list(x.shape)}".encode())
        digest.update((x if image_values or m != "image" else graphs.mask(m)).cpu().numpy().tobytes())
    if image_values:
        for name in (name for name in SPLIT if name in graphs):
            digest.update(graphs[name].cpu().numpy().tobytes())
    return digest.hexdigest()


def image_projection(graphs: GraphPair) -> np.ndarray:
    """float32 ``[images]``: a fixed random projection of each image's features, to compare them by closeness."""
    if "image" not in graphs.features:
        return np.zeros(0, np.float32)
    x = graphs.features["image"][graphs.mask("image")].cpu()
    return (x @ torch.randn(x.shape[1], generator=torch.Generator().manual_seed(0))).numpy()
