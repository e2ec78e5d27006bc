"""What a finished run leaves on disk."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pandas as pd
from safetensors.torch import save_file

from pmf_minimal.errors import DataError
from pmf_minimal.evaluation import candidates, evaluate
from pmf_minimal.formats import FORMAT, check
from pmf_minimal.own import Alignment, describe
from pmf_minimal.scale.blockwise import match
from pmf_minimal.training import Run


def matches(run: Run) -> pd.DataFrame:
    """Matches of the test entities, one-to-one unless the configuration says otherwise, the surest first.

    Returns:
        left, right (rows of the entities), left_id, left_name, right_id, right_name, score, correct.
    """
    graphs, test = run.graphs, run.graphs.test
    joint, config = run.model.embed(graphs)["joint"], run.config.replace(candidates="test")
    s, _, _ = candidates(joint, graphs, test, config, run.model.temperatures)
    row, column = match(s, run.config.matching).T
    left, right = test[row, 0].cpu(), test[column, 1].cpu()
    table = pd.DataFrame(
        {
            "left": left,
            "right": right,
            "left_id": graphs.source_ids.cpu()[left],
            "left_name": [graphs.entity_names[i] for i in left],
            "right_id": graphs.source_ids.cpu()[right],
            "right_name": [graphs.entity_names[i] for i in right],
            "score": s.pairs(row, column).cpu(),
            "correct": (row == column).cpu(),
        }
    )
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def save(run: Run, folder: Path) -> dict:
    """Write metrics, matches, history, model and configuration into a new folder.

    The folder appears under its name only when all of it is written.

    Returns:
        What went into ``metrics.json``.
    """
    with _whole(folder) as part:
        figures = evaluate(run.model, run.graphs, run.graphs.test, run.config)
        metrics = {
            "format": FORMAT,
            "dataset": run.graphs.name,
            "best_epoch": run.best_epoch,
            "test_pairs": len(run.graphs.test),
            "test": [
                {**dict(zip(figures.index.names, key, strict=True)), **row}
                for key, row in figures.to_dict("index").items()
            ],
        }
        (part / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        matches(run).drop(columns=["left", "right"]).to_csv(part / "matches.csv", index=False)
        _write_model(run, part)
    return metrics


def save_alignment(run: Run, alignment: Alignment, folder: Path, precision: float) -> pd.DataFrame:
    """The same for graphs of your own, where nothing is known to measure by: matches, thresholds, history, model, settings.

    Returns:
        The matches that are kept at that precision.
    """
    with _whole(folder) as part:
        kept = alignment.write(part, precision)
        (part / "run.json").write_text(json.dumps(describe(run, precision)) + "\n")
        _write_model(run, part)
    return kept


def save_prediction(alignment: Alignment, folder: Path, precision: float) -> pd.DataFrame:
    """Matches, thresholds and embeddings of a model that was trained before; returns the matches that are kept."""
    with _whole(folder) as part:
        alignment.write_embeddings(part / "embeddings.npz")
        return alignment.write(part, precision)


@contextmanager
def _whole(folder: Path):
    """A folder that appears under its name only when all of it is written.

    Raises:
        DataError: something of that name has come into being meanwhile; the message says where the results are.
    """
    part = part_of(folder)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    try:
        os.replace(part, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror}); the results are in {part}") from None


def part_of(folder: Path) -> Path:
    """A new folder beside the one that is to be written; OSError if that is not possible."""
    part = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}.part")
    part.mkdir(parents=True)
    return part


def _write_model(run: Run, folder: Path) -> None:
    config = {"format": FORMAT} | json.loads(run.config.to_json())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    run.history.to_csv(folder / "history.csv")
    state = {name: tensor.cpu().contiguous() for name, tensor in run.model.state_dict().items()}
    save_file(state, folder / "model.safetensors")


def table(metrics: dict) -> pd.DataFrame:
    """Test figures of ``metrics.json``: a row per embedding, columns by direction and metric.

    Raises:
        DataError: the file is of a newer version of the package.
    """
    check(metrics, "metrics.json")
    return (
        pd.DataFrame(metrics["test"])
        .pivot(index="embedding", columns="direction", values=["Hits@1", "Hits@10", "MRR"])
        .swaplevel(axis=1)
        .sort_index(axis=1)
    )
