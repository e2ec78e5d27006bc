"""What a finished run leaves on disk, one format for ``train`` and ``align``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.escape import one_line, spreadsheet
from pmf_minimal.datasets.files import because
from pmf_minimal.datasets.folders import write_each
from pmf_minimal.errors import DamagedFile, DataError, OtherRun
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs.files import read_json, read_table, read_tensors, write_json, write_tensors
from pmf_minimal.scale.settings import FORMAT, check_format

if TYPE_CHECKING:
    from pmf_minimal.model import EntityAligner
    from pmf_minimal.runs.run import Run

SPLIT = ("train", "valid", "test")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV, without its index."""
    harmless(table).to_csv(path, index=False, float_format="%.6g")


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The table without a word, in its cells or its heading, that a spreadsheet would run."""
    words = table.select_dtypes(["object", "string"]).columns
    table = table.assign(**{c: table[c].map(lambda x: spreadsheet(x) if isinstance(x, str) else x) for c in words})
    return table.rename(columns=lambda c: spreadsheet(c) if isinstance(c, str) else c)


def write_metrics(run: Run, folder: Path) -> None:
    """``metrics.json``: the figures on the test pairs, among both kinds of candidates."""
    table = run.evaluate(candidates="both")
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
    config = {"format": FORMAT} | json.loads(run.config.to_json())
    known = {name: getattr(run.graphs, name).tolist() for name in SPLIT}
    about = {"format": FORMAT, "best_epoch": run.best_epoch, "modalities": run.graphs.modalities}
    about["graphs"] = fingerprint(run.graphs, image_values=False)
    about["images"] = image_projection(run.graphs).round(5).tolist()

    write_each(
        lambda: (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8"),
        lambda: harmless(run.history).to_csv(folder / "history.csv"),
        lambda: write_json(folder / "run.json", about | known | facts),
        lambda: write_tensors(folder / "model.safetensors", run.model.state_dict()),
    )


def read(folder: Path, graphs: GraphPair) -> tuple[PMFConfig, dict, dict[str, Tensor], pd.DataFrame]:
    """Configuration, facts of ``run.json``, weights and history of a run on these graphs.

    Raises:
        DataError: MissingFile or DamagedFile, no complete folder of a run; OtherRun, it is of other graphs.
    """
    facts = read_facts(folder, graphs)
    if not facts["same"]:
        raise OtherRun(f"{folder}: trained on other graphs than these; give the same files, or train anew")
    every = torch.cat([facts[name] for name in SPLIT])
    if len(every) and not (int(every.min()) >= 0 and int(every.max()) < graphs.num_nodes):
        raise DamagedFile(f"{folder / 'run.json'}: a pair that does not exist; make the folder again")
    config, history = read_settings(folder)
    return config, facts, read_tensors(folder / "model.safetensors"), history


def read_facts(folder: Path, graphs: GraphPair) -> dict:
    """``run.json`` of a run on graphs with these modalities: pairs as int64 ``[*, 2]``; ``same``, whether on these very graphs.

    Raises:
        DataError: MissingFile or DamagedFile; OtherRun, it was trained with other modalities.
    """
    facts = read_json(folder / "run.json")
    check_format(facts, folder / "run.json")
    with damage(folder):
        modalities = [str(m) for m in facts["modalities"]]
        facts["best_epoch"] = int(facts["best_epoch"])
        facts |= {name: _pairs(facts[name]) for name in SPLIT}
        images, here = np.array(facts["images"], np.float32), image_projection(graphs)
        same = facts["graphs"] == fingerprint(graphs, image_values=False) and images.shape == here.shape
        facts["same"] = same and np.allclose(images, here, rtol=0, atol=1e-3)
    if missing := ", ".join(m for m in modalities if m not in graphs.modalities):
        raise OtherRun(
            f"{folder}: trained with {one_line(missing, 200)} too, which these graphs lack; give the same files, and the same "
            "features (on the command line with --features)"
        )
    if more := ", ".join(m for m in graphs.modalities if m not in modalities):
        raise OtherRun(
            f"{folder}: trained on other graphs than these, without {one_line(more, 200)}; leave it out, or train anew"
        )
    return facts


def _pairs(listed: list) -> Tensor:
    """int64 ``[P, 2]``; ValueError if they are no pairs of whole numbers."""
    for pair in listed:
        if not isinstance(pair, list) or len(pair) != 2 or not all(type(row) is int for row in pair):
            raise ValueError("a pair that is not two whole numbers")
    return torch.tensor(listed, dtype=torch.long).reshape(-1, 2)


def read_settings(folder: Path) -> tuple[PMFConfig, pd.DataFrame]:
    """Configuration and history of a run; MissingFile, DamagedFile or OtherRun where there are none."""
    with damage(folder):
        config = PMFConfig.from_json(json.dumps(read_json(folder / "config.json")))
    return config, read_table(folder / "history.csv", index_col="epoch")


@contextmanager
def damage(folder: Path) -> Iterator[None]:
    """Whatever a damaged folder provokes is said in one sentence, a DamagedFile."""
    try:
        yield
    except DataError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, OverflowError, AttributeError) as error:
        reason = because(error) or type(error).__name__
        raise DamagedFile(f"{folder}: not what a run writes ({reason}); make the folder again") from None


def check_width(config: PMFConfig, state: dict[str, Tensor], folder: Path) -> None:
    """Refuse settings of a larger model than the weights are of, before memory is taken for it; a DamagedFile."""
    learnt = any(name.startswith("_encoders.") and x.is_floating_point() for name, x in state.items())
    if learnt and not any(config.dim in x.shape for x in state.values()):
        path = folder / "model.safetensors"
        raise DamagedFile(f"{path}: not the weights of this model, whose dim is {config.dim}; make the folder again")


def load_state(model: EntityAligner, state: dict[str, Tensor], folder: Path) -> None:
    """Give a model its weights.

    Raises:
        DamagedFile: they are those of another model, or not finite.
    """
    odd = next((k for k, x in state.items() if x.is_floating_point() and not torch.isfinite(x).all()), None)
    if odd is not None:
        raise DamagedFile(
            f"{folder / 'model.safetensors'}: {one_line(odd, 80)} holds numbers that are not finite; make the folder again"
        )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = one_line(str(error).splitlines()[-1], 200)
        raise DamagedFile(
            f"{folder / 'model.safetensors'}: not the weights of this model ({reason}); make the folder again"
        ) from None


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
