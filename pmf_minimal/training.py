"""Training: the schedule of section 4.1 and appendix A.4 around the model."""

from __future__ import annotations

import ctypes
import math
import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from pmf_minimal.aligner import Aligner, build, find
from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.evaluation import evaluate, frozen_shares
from pmf_minimal.freezing import threshold
from pmf_minimal.graphs import GraphPair
from pmf_minimal.iterative import Probation
from pmf_minimal.scale import checkpoints, distributed, memory


@dataclass
class Run:
    """A finished training: the model of its best epoch and what happened on the way.

    Attributes:
        model: with the weights, relevance and frozen features of ``best_epoch``.
        graphs: the pair, with the split that was used.
        config: every choice.
        history: one row per epoch: losses, thresholds, frozen shares, figures on the pairs that choose the epoch, and
            in iterative learning how many pairs were added and how many of them are right.
        best_epoch: chosen as ``config.selection`` says.
    """

    model: Aligner
    graphs: GraphPair
    config: PMFConfig
    history: pd.DataFrame
    best_epoch: int


def pick_device(name: str = "auto") -> torch.device:
    """``auto`` is the GPU where there is one, else the CPU.

    Raises:
        ValueError: another name, or a GPU is asked for where there is none.
    """
    found = torch.cuda.is_available()
    if name not in ("auto", "cpu", "cuda") or (name == "cuda" and not found):
        raise ValueError(
            f"device {name!r}: {'choose auto, cpu or cuda' if found else 'this machine has no GPU; choose auto or cpu'}"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def learning_rate(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate: a line up over the first share of the steps, then half a cosine down to 0 (A.4).

    Args:
        step: steps done so far.
        total: steps of the whole training; with too small a number (row 19) the rate passes 0 and rises again.
        warmup: share of them for the way up.
    """
    start = int(warmup * total)
    if step < start:
        return step / start
    return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, total - start)))


def fit(
    graphs: GraphPair,
    config: PMFConfig,
    device: str = "auto",
    progress: bool = True,
    checkpoint: Path | None = None,
    callback: Callable[[Training], None] | None = None,
) -> Run:
    """Train a model on two graphs.

    Args:
        graphs: the pair; dealt into seeds, validation and test pairs by ``config.seed`` unless it has a split.
        config: every choice. A batch that does not fit into memory is halved until it does, and the gradients of twice as
            many make a step; the run's configuration and a warning say so.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: show a bar while it runs.
        checkpoint: folder that receives the state after every epoch with a look at the selection pairs. If it
            holds a state, training goes on from there and ends as if it had never stopped. Of several processes the first writes.
        callback: called with the training after every epoch, to look at it, not to change it.

    Returns:
        The run, its model on the device.

    Raises:
        DataError: more processes than batches in a step (see ``distributed``).
    """
    if "train" not in graphs:
        graphs = graphs.split(config.seed, config.train_share, config.valid_share)
    config = find(config.model).resolve_config(config)
    on = pick_device(device)
    if config.accumulation < distributed.rank_and_world_size()[1]:
        raise DataError(
            f"accumulation={config.accumulation}: {distributed.rank_and_world_size()[1]} processes share out the batches of a step; "
            "set it to their number or a multiple"
        )
    config = memory.shrink_batch(config, graphs, on)
    training = Training(graphs.to(on), config)
    if checkpoint is not None and checkpoints.exists(checkpoint):
        training.restore(*checkpoints.read(checkpoint, config))
    # What a notebook writes to stderr counts as a warning when the book is built.
    out = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    total = config.epochs + config.iterative_epochs
    bar = tqdm(
        total=total, initial=training.epoch, desc="training", unit="epoch", disable=not progress, leave=False, file=out
    )
    with bar, deterministic():
        while training.epoch < total and not training.stopped:
            try:
                looked = training.step()
            except torch.OutOfMemoryError:
                if training.epoch > 1 or config.batch_size < 4:
                    raise
                config = memory.halve_batch(config)
                training = Training(graphs.to(on), config)
                continue
            bar.update()
            bar.set_postfix_str(training.status)
            if callback is not None:
                callback(training)
            if looked and checkpoint is not None and distributed.rank_and_world_size()[0] == 0:
                checkpoints.write(checkpoint, config, *training.state())
    training.model.load_state_dict(training.best)
    training.model.calibrate(training.graphs)
    history = pd.DataFrame(training.history).set_index("epoch")
    return Run(training.model, graphs.to(on), config, history, training.best_epoch)


@contextmanager
def deterministic():
    """One seed, one result: PyTorch sums gradients of looked-up rows in one order, not in that of its threads."""
    before, filled = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    # On a GPU some sparse operations have no such form; there the setting does what it can.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # that would only cost time
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled


@cache
def tune_malloc() -> None:
    """Let the C library keep large blocks for the next step instead of giving them back to the system after each.

    A block from the system comes as pages to be zeroed: with the matrices of the losses, a quarter of the time of a
    step. Only glibc has these settings; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        trim_threshold, top_pad, mmap_max = -1, -2, -4  # from malloc.h
        for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 2**26)):
            if set_option is not None:
                set_option(option, value)


class Training:
    """The state of a training between two epochs, and one step: an epoch."""

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        if graphs.edge_index.device.type == "cpu":
            tune_malloc()
        self.graphs, self.config = graphs, config
        self.model = build(graphs, config).to(graphs.edge_index.device)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.epoch = self.scorings = self.best_epoch = self.stale_validations = 0
        self.epoch_fraction = 0.0  # share of this epoch
        self.best_value = -math.inf
        self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.history: list[dict] = []
        self.stopped, self.status = False, ""
        self.probation = Probation(graphs, config)
        self._rebuild(0)

    def step(self) -> bool:
        """Train for one epoch; True if the model was looked at."""
        config, self.epoch = self.config, self.epoch + 1
        # A generator per epoch: a run that is taken up again at this epoch deals the same batches.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.epoch)
        self.model.begin_epoch(self.epoch, generator)
        row: dict[str, float] = {"epoch": self.epoch}
        if self.epoch > config.epochs and (self.epoch - config.epochs) % config.iterative_every == 0:
            row |= self.probation.collect(self.model)
        if self._scores():
            thresholds = {m: self._threshold(m) for m in self.model.modalities}
            self.model.score(self.graphs, thresholds, generator)
            self.scorings += 1
            row |= {f"threshold {m}": t for m, t in thresholds.items()}
        if self.epoch in self._phases():
            self._rebuild(self.epoch - 1)
        row |= self._train(generator)
        row |= frozen_shares(self.model, self.graphs)
        looked = self.epoch % config.evaluate_every == 0 or self.epoch == config.epochs + config.iterative_epochs
        if looked:
            row |= self._validate()
        self.history.append(row)
        return looked

    def _scores(self) -> bool:
        """Whether relevance is measured at the beginning of this epoch."""
        config = self.config
        if config.scoring == "off" or not config.scoring_start <= self.epoch <= config.scoring_end:
            return False
        return self.scorings == 0 or config.scoring != "static"

    def _threshold(self, modality: str) -> float:
        config = self.config
        grows = config.threshold_grows is None or modality in config.threshold_grows
        scorings = self.scorings if grows else 0
        return threshold(scorings, config.threshold_start, config.threshold_factor, config.threshold_max)

    def _phases(self) -> list[int]:
        """First epochs of phases that begin with a new optimiser."""
        phases = [self.config.epochs + 1]
        if self.config.cross_modality == "stages":
            phases.append(self.config.scoring_end + 1)
        return phases

    def _batches(self, generator: torch.Generator) -> list[tuple[Tensor | None, tuple[Tensor, Tensor] | None]]:
        """The steps of this epoch: seeds for L_CKG and entities for L_CM, together or one after the other (row 9)."""
        config, seeds = self.config, self.probation.train
        order = torch.randperm(len(seeds), generator=generator).to(seeds.device)
        pairs = [seeds[batch] for batch in order.split(config.batch_size)]
        pairs = [pairs[k % len(pairs)] for k in range(self.model.steps(len(pairs)))]
        if config.cross_modality == "joint":
            return [(batch, self._entities(generator)[0]) for batch in pairs]
        steps = [(batch, None) for batch in pairs]
        if config.cross_modality == "stages" and config.scoring_end < self.epoch <= config.epochs:
            steps += [(None, batch) for batch in self._entities(generator)]
        return steps

    def _entities(self, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Batches of entities, left and right, that together hold each once."""
        graphs, sides = self.graphs, []
        linked = torch.cat([graphs.train, graphs.valid, graphs.test])
        for side, (start, size) in enumerate(((0, graphs.n_left), (graphs.n_left, graphs.n_right))):
            choice = torch.arange(start, start + size, device=linked.device)
            if self.config.cross_modality_over == "linked":
                choice = linked[:, side].unique()
            sides.append(choice[torch.randperm(len(choice), generator=generator).to(choice.device)])
        count = math.ceil(max(map(len, sides)) / self.config.batch_size)
        return list(zip(*(side.tensor_split(count) for side in sides), strict=True))

    def _train(self, generator: torch.Generator) -> dict[str, float]:
        """Take the steps of an epoch; the rate at its end and the means of the losses of this process's batches."""
        config, values = self.config, []
        steps = self._batches(generator)
        rank, processes = distributed.rank_and_world_size()
        for number, (pairs, entities) in enumerate(steps, start=1):
            if (number - 1) % config.accumulation % processes == rank:
                parts = self.model.losses(self.graphs, pairs, entities)
                loss = self.model.total_loss(parts)
                (loss / config.accumulation).backward()
                values.append({f"loss {n}": x.detach() for n, x in parts.items()} | {"loss": loss.detach()})
            if number % config.accumulation == 0 or number == len(steps):
                distributed.sum_gradients(self.parameters)
                torch.nn.utils.clip_grad_norm_(self.parameters, config.clip)
                self.optimiser.step()
                self.epoch_fraction = number / len(steps)
                self.schedule.step()
                self.optimiser.zero_grad(set_to_none=True)
        means = pd.DataFrame([{n: float(x) for n, x in v.items()} for v in values]).mean()
        return {"lr": self.schedule.get_last_lr()[0]} | means.to_dict()

    def _rebuild(self, done: int) -> None:
        """A new optimiser with a schedule up to the next phase; ``done`` epochs lie behind."""
        config = self.config
        total_epochs = config.epochs + config.iterative_epochs
        end = min([first - 1 for first in self._phases() if first - 1 > done] + [total_epochs])
        per_epoch = self.model.steps(math.ceil(len(self.probation.train) / config.batch_size))
        if config.cross_modality == "stages" and config.scoring_end <= done < config.epochs:
            per_epoch += len(self._entities(torch.Generator()))
        self.total_steps = (end - done) * math.ceil(per_epoch / config.accumulation)
        if config.schedule == "wrong_count":  # row 19: a share of a batch does not count as one
            self.total_steps = int(len(self.probation.train) / config.batch_size * (end - done))
        self.epoch_fraction = 0.0
        self.optimiser = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)

    def _rate(self, step: int) -> float:
        if self.config.schedule == "epochs":
            firsts = [1, *self._phases(), self.config.epochs + self.config.iterative_epochs + 1]
            begun = max([first for first in firsts if first <= self.epoch], default=1)
            end = min(first for first in firsts if first > max(1, self.epoch))
            share = (self.epoch - begun + self.epoch_fraction) / (end - begun) if self.epoch else 0
            return learning_rate(round(share * 1_000_000), 1_000_000, self.config.warmup)
        if self.config.schedule == "cosine":  # pairs added on the way make more steps than planned; the end is the end
            step = min(step, self.total_steps)
        return learning_rate(step, self.total_steps, self.config.warmup)

    def _validate(self) -> dict[str, float]:
        """Figures on the selection pairs; keeps the best state and stops when nothing gets better."""
        config = self.config
        row, value = {}, float(self.epoch)
        pairs = self.graphs.test if config.selection == "test" else self.graphs.valid
        if config.selection != "last" and len(pairs):
            # Against all entities of the other graph: telling the few validation pairs apart would be too easy.
            candidates = "test" if config.selection == "test" else "all"
            if distributed.rank_and_world_size()[0] == 0:
                figures = evaluate(self.model, self.graphs, pairs, config.replace(candidates=candidates), only="joint")
                row = {f"{config.selection} {c}": figures[c].mean() for c in ("Hits@1", "MRR")}
            row = distributed.broadcast_from_rank0(row)
            value = row[f"{config.selection} MRR"]
            self.status = f"{config.selection} MRR {value:.3f}"
        self.stale_validations += 1
        if value > self.best_value:
            self.best_value, self.best_epoch, self.stale_validations = value, self.epoch, 0
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        # What is learnt changes with every scoring; only after the last one is a halt a sign.
        self.stopped = self.stale_validations >= config.patience and self.epoch > config.scoring_end
        return row

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Everything that the next epoch depends on, as named tensors and as plain values."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
        tensors |= {f"probation.{k}": v for k, v in self.probation.state().items()}
        plain = (
            "epoch",
            "scorings",
            "best_epoch",
            "best_value",
            "stale_validations",
            "history",
            "stopped",
            "status",
            "total_steps",
        )
        return tensors, {name: getattr(self, name) for name in plain} | {"steps": self.schedule.last_epoch}

    def restore(self, tensors: dict[str, Tensor], values: dict) -> None:
        """Take up a training where :meth:`state` left it."""

        def group(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        state, here = group("model."), self.model.state_dict()
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in here.items()}:
            raise DataError(f"{self.graphs.name}: the checkpoint is of a training on other graphs; name another folder")
        steps = values.pop("steps")
        for name, value in values.items():
            setattr(self, name, value)
        self.model.load_state_dict(state)
        self.best = group("best.")
        self.probation.restore(group("probation."))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in group("optimiser.").items():
            i, name = key.split(".")
            moments.setdefault(int(i), {})[name] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.schedule.last_epoch, self.epoch_fraction = steps, 1.0
        for parameters, base in zip(self.optimiser.param_groups, self.schedule.base_lrs, strict=True):
            parameters["lr"] = base * self.schedule.lr_lambdas[0](steps)
