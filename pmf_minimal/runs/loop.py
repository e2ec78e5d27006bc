"""The loop around the epochs: progress bar, checkpoints, batches that fit into memory."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs import checkpoints
from pmf_minimal.scale import distributed, memory
from pmf_minimal.scale.device import deterministic, pick_device, tune_malloc


def run(
    training_class: type,
    graphs: GraphPair,
    config: PMFConfig,
    device: str = "auto",
    progress: bool = True,
    checkpoint: Path | None = None,
    callback: Callable | None = None,
    fit_memory: bool = False,
):
    """Run all epochs of a training; arguments as for ``run.fit``.

    Returns:
        The ``training.Training`` at its end; its configuration says which batch size was used.

    Raises:
        DataError: more processes than batches in a step; the checkpoint is of another run.
    """
    where = pick_device(device)
    if config.accumulation < distributed.rank_and_world_size()[1]:
        raise DataError(
            f"accumulation={config.accumulation}: {distributed.rank_and_world_size()[1]} processes share out the batches of a step; "
            "set it to their number or a multiple"
        )
    if where.type == "cpu":
        tune_malloc()
    keeper = None if checkpoint is None else checkpoints.Keeper(checkpoint, config, graphs)
    graphs = copy.copy(graphs).to(where)  # the caller keeps theirs where they are
    training = keeper.resume(training_class, graphs) if keeper else None
    if training is None:
        training = training_class(graphs, memory.shrink_batch(config, graphs, where) if fit_memory else config)
    # What a notebook writes to stderr counts as a warning when the book is built.
    out = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    bar = tqdm(
        total=training.total_epochs, initial=training.epoch, desc="training", unit="epoch", disable=not progress,
        leave=False, file=out,
    )  # fmt: skip
    with bar, deterministic():
        while training.epoch < training.total_epochs and not training.stopped:
            try:
                validated = training.step()
            except torch.OutOfMemoryError:
                if training.epoch > 1 or training.config.batch_size < 4:
                    raise
                training = training_class(graphs, memory.halve_batch(training.config))
                continue
            bar.update(training.epoch - bar.n)
            bar.set_postfix_str(training.status)
            if callback is not None:
                callback(training)
            if validated and keeper and distributed.rank_and_world_size()[0] == 0:
                keeper.write(training)
    return training
