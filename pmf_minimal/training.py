"""Training: the schedule of section 4.1 and appendix A.4 around the model."""

from __future__ import annotations

import math
from pkgutil import resolve_name

import pandas as pd
import torch

from pmf_minimal.baselines.registry import build
from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import Diverged
from pmf_minimal.freezing import ThresholdSchedule
from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale import distributed
from pmf_minimal.scale.batches import BATCH_PLANS
from pmf_minimal.scale.evaluation import evaluate_model
from pmf_minimal.scale.schedules import SCHEDULES


class Training:
    """The state of a run between two epochs; :meth:`run_epoch` trains for one epoch, which takes many gradient steps."""

    def __init__(self, graphs: GraphPair, config: PMFConfig):
        self.graphs, self.config = graphs, config
        self.model = build(graphs, config).to(graphs.edge_index.device)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.threshold = ThresholdSchedule(
            config.threshold_start, config.threshold_factor, config.threshold_max, config.threshold_grows
        )
        self.plan = BATCH_PLANS[config.cross_modality](graphs, config)
        self.probation = resolve_name(self.model.fusion.collector)(graphs, config)
        self.epoch = self.scorings = self.best_epoch = self.stale_validations = 0
        self.epoch_fraction = 0.0
        self.best_value = -math.inf
        self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.history: list[dict] = []
        self.stopped, self.status = False, ""
        self.total_epochs = config.epochs + config.iterative_epochs
        self._rebuild(0)

    def run_epoch(self) -> bool:
        """Train for one epoch; True if it ended with a validation."""
        config, self.epoch = self.config, self.epoch + 1
        # One for each epoch: a run that is taken up again here draws the same batches.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.epoch)
        if self.epoch == config.epochs + 1:  # iterative learning goes on from the best state
            self.model.load_state_dict(self.best)
            self.stale_validations = 0
        self.model.begin_epoch(self.epoch, generator)
        row: dict[str, float] = {"epoch": self.epoch}
        if self.epoch > config.epochs and (self.epoch - config.epochs) % config.iterative_every == 0:
            row |= self.probation.collect(self.model)
        if self._scores():
            thresholds = {m: self.threshold(m, self.scorings) for m in self.model.modalities}
            self.model.score(thresholds, generator)
            self.scorings += 1
            row |= {f"threshold {m}": t for m, t in thresholds.items()}
        if self.epoch in self.phases():
            self._rebuild(self.epoch - 1)
        row |= self._train(generator)
        row |= self.model.frozen_shares()
        validated = self.epoch % config.evaluate_every == 0 or self.epoch in (config.epochs, self.total_epochs)
        self.history.append(row)
        if validated:
            row |= self._validate()
        return validated

    def _scores(self) -> bool:
        """Whether relevance is measured at the beginning of this epoch."""
        when, config = self.config.scoring, self.config
        in_time = config.scoring_start <= self.epoch <= config.scoring_end
        return when != "off" and in_time and (self.scorings == 0 or when != "static")

    def phases(self) -> list[int]:
        """First epochs of phases that begin with a new optimiser."""
        return [self.config.epochs + 1, *self.plan.phases()]

    def _steps(self, generator: torch.Generator) -> list:
        """The steps of this epoch: seeds for L_CKG and entities for L_CM."""
        seeds = self.probation.train
        order = torch.randperm(len(seeds), generator=generator).to(seeds.device)
        pairs = [seeds[batch] for batch in order.split(self.config.batch_size)]
        pairs = [pairs[k % len(pairs)] for k in range(self.model.steps(len(pairs)))]
        return self.plan.steps(self.epoch, pairs, generator)

    def _train(self, generator: torch.Generator) -> dict[str, float]:
        """Take the steps of an epoch; the rate at its end and the means of the losses of this process's batches."""
        config, values = self.config, []
        steps = self._steps(generator)
        rank, processes = distributed.rank_and_world_size()
        for number, (pairs, entities) in enumerate(steps, start=1):
            if (number - 1) % config.accumulation % processes == rank:
                parts = self.model.losses(pairs, entities)
                loss = self.model.total_loss(parts)
                (loss / config.accumulation).backward()
                names = {f"loss {'-'.join(n[-2:])}": x.detach() for n, x in parts.items()}
                values.append(names | {"loss": loss.detach()})
            if number % config.accumulation == 0 or number == len(steps):
                distributed.sum_gradients(self.parameters)
                torch.nn.utils.clip_grad_norm_(self.parameters, config.clip)
                self.optimiser.step()
                self.epoch_fraction = number / len(steps)
                self.schedule.step()
                self.optimiser.zero_grad(set_to_none=True)
        rows = [{n: float(x) for n, x in v.items()} for v in values]
        # Every batch counts: a mean leaves out what is not a number.
        self._check_finite("the loss of a batch", *(row["loss"] for row in rows))
        self._check_finite("a weight", *(float(p.detach().abs().max()) for p in self.parameters if p.numel()))
        return {"lr": self.schedule.get_last_lr()[0]} | pd.DataFrame(rows).mean().to_dict()

    def _check_finite(self, what: str, *values: float) -> None:
        """End a run that has no result."""
        for value in values:
            if not math.isfinite(value):
                raise Diverged(f"epoch {self.epoch}: {what} is {value}; choose a smaller lr or weight_decay")

    def _rebuild(self, done: int) -> None:
        """A new optimiser with a schedule up to the next phase; ``done`` epochs are over."""
        config, count = self.config, len(self.probation.train)
        end = min([first - 1 for first in self.phases() if first - 1 > done] + [self.total_epochs])
        per_epoch = self.model.steps(math.ceil(count / config.batch_size)) + self.plan.extra_steps(done)
        self.total_steps = (end - done) * math.ceil(per_epoch / config.accumulation)
        if config.schedule == "wrong_count":  # row 19: a share of a batch does not count as one
            self.total_steps = int(count / config.batch_size * (end - done))
        self.epoch_fraction, parameters = 0.0, [{"params": self.parameters}]  # a group, which may be empty
        self.optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: SCHEDULES[config.schedule](self, step)
        )

    def _validate(self) -> dict[str, float]:
        """Figures on the selection pairs; keeps the best state and ends the phase when nothing gets better."""
        config = self.config
        row, value = {}, float(self.epoch)
        pairs = self.graphs.test if config.selection == "test" else self.graphs.valid
        if config.selection != "last" and len(pairs):
            # Against all entities of the other graph: telling the few validation pairs apart would be too easy. By a plan it takes long.
            by = config.replace(candidates="test" if config.selection == "test" else "all", matching="greedy")
            if distributed.rank_and_world_size()[0] == 0:
                table = evaluate_model(self.model, pairs, by, only="joint")
                row = {f"{config.selection} {c}": table[c].mean() for c in ("Hits@1", "MRR")}
            row = distributed.broadcast_from_rank0(row)
            value = row[f"{config.selection} MRR"]
            self._check_finite(f"{config.selection} MRR", value)
            self.status = f"{config.selection} MRR {value:.3f}"
        self.stale_validations += 1
        if value > self.best_value:
            self.best_value, self.best_epoch, self.stale_validations = value, self.epoch, 0
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        # Every scoring changes what is learnt, so a standstill means something only after the last one.
        settled = self.epoch > config.scoring_end or config.scoring == "off"
        if self.stale_validations >= config.patience and settled:
            if self.epoch < config.epochs and config.iterative_epochs:
                self.epoch = config.epochs  # the next phase begins
            else:
                self.stopped = self.epoch != config.epochs or not config.iterative_epochs
        return row
