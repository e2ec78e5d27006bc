"""The loop around the epochs: progress bar, checkpoints, batches that fit into memory."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch
from tqdm import tqdm

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.folders import exclusive
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs import checkpoints, halts
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
        DataError: more processes than batches in a step; the checkpoint is of another run, or another process writes there.
        Halted: a signal asked for it; with a checkpoint the epoch was finished and its state written.
    """
    where = pick_device(device)
    rank, processes = distributed.rank_and_world_size()
    if config.accumulation < processes:
        raise DataError(
            f"accumulation={config.accumulation}: {processes} processes share out the batches of a step; "
            "set it to their number or a multiple"
        )
    if where.type == "cpu":
        tune_malloc()
    with ExitStack() as stack:
        keeper = None
        if checkpoint is not None:
            keeper = checkpoints.Keeper(checkpoint, config, graphs)
            if rank == 0:
                stack.enter_context(exclusive(keeper.folder / "lock", str(checkpoint)))
        graphs = copy.copy(graphs).to(where)  # the caller keeps theirs where they are
        training = keeper.resume(training_class, graphs) if keeper else None
        if training is None:
            training = training_class(graphs, memory.shrink_batch(config, graphs, where) if fit_memory else config)
        bar = stack.enter_context(_bar(training, progress))
        halt = stack.enter_context(halts.noted(lambda: bar.set_postfix_str("ends after this epoch"))) if keeper else []
        stack.enter_context(deterministic())
        return _epochs(training, bar, callback, keeper if rank == 0 else None, halt)


def _bar(training, progress: bool) -> tqdm:
    # What a notebook writes to stderr counts as a warning when the book is built.
    out = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    return tqdm(
        total=training.total_epochs, initial=training.epoch, desc="training", unit="epoch", disable=not progress,
        leave=False, file=out,
    )  # fmt: skip


def _epochs(training, bar: tqdm, callback: Callable | None, keeper: checkpoints.Keeper | None, halt: list[int]):
    """The training after all its epochs; smaller batches if the first one does not fit into memory."""
    while training.epoch < training.total_epochs and not training.stopped:
        try:
            validated = training.run_epoch()
        except torch.OutOfMemoryError:
            if training.epoch > 1 or training.config.batch_size < 4:
                raise
            training = type(training)(training.graphs, memory.halve_batch(training.config))
            continue
        bar.update(training.epoch - bar.n)
        bar.set_postfix_str(training.status)
        if callback is not None:
            callback(training)
        if keeper and (validated or halt):
            keeper.write(training)
        if halt:
            raise halts.Halted(halt[0])
    return training
