"""The front door: train a model, look at what came out, keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.baselines.registry import build, find
from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.datasets.folders import new_folder, write_each
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair
from pmf_minimal.model import EntityAligner
from pmf_minimal.runs import folder as run_folder
from pmf_minimal.runs import loop
from pmf_minimal.scale.block_matching import check_possible, match
from pmf_minimal.scale.comparison import comparison_class
from pmf_minimal.scale.evaluation import candidate_rows, evaluate_model
from pmf_minimal.scale.settings import short
from pmf_minimal.training import Training


@dataclass
class Run:
    """A finished run: the model of its best epoch and what happened on the way.

    Attributes:
        model: with the weights, relevance and frozen features of ``best_epoch``.
        graphs: the pair, with the split that was used.
        config: every choice.
        history: one row per epoch: losses, thresholds, frozen shares, figures on the pairs that choose the epoch, and
            in iterative learning how many pairs were added and how many of them are correct.
        best_epoch: chosen as ``config.selection`` says.

    Example:
        >>> from pmf_minimal.datasets import load
        >>> run = fit(load("emoji/fr_en"), "quick", dim=8, epochs=2, progress=False)
        >>> list(run.matches()[["left_name", "right_name", "score", "correct"]].columns)
        ['left_name', 'right_name', 'score', 'correct']
    """

    model: EntityAligner
    graphs: GraphPair
    config: PMFConfig
    history: pd.DataFrame
    best_epoch: int

    def evaluate(self, pairs: Tensor | None = None, **changes) -> pd.DataFrame:
        """Hits@1, Hits@10 and MRR by (embedding, direction): joint and each modality alone.

        Args:
            pairs: int64 ``[P, 2]``; None for the test pairs.
            changes: fields of the configuration to change, such as ``candidates="all"``. With ``candidates="both"`` the entities of
                the pairs are candidates as usual, and the rows ``joint, all candidates`` tell what the joint embedding reaches among
                all entities of the other graph, as one has to who does not know which of them have a counterpart.
        """
        pairs = self.model.graphs.test if pairs is None else pairs
        both = changes.get("candidates") == "both"
        config = self.config.replace(**changes | ({"candidates": "test"} if both else {}))
        table = evaluate_model(self.model, pairs, config)
        if both:
            every = evaluate_model(self.model, pairs, config.replace(candidates="all"), only="joint")
            table = pd.concat([table, every.rename(index={"joint": "joint, all candidates"})])
        return table

    def matches(self) -> pd.DataFrame:
        """Matches of the test entities as ``config.matching`` decides them, the highest score first.

        Returns:
            left, right (rows of the entities), left_id, left_name, right_id, right_name, score, correct.

        Raises:
            DataError: there are no test pairs.
        """
        graphs = self.model.graphs
        if not len(graphs.test):
            raise DataError(f"{graphs.name}: no test pairs to match; own.Alignment matches all entities")
        joint = self.model.embed()["joint"]
        # In random order, or ties would go to the counterpart, which stands in the same place.
        order = torch.randperm(len(graphs.test), generator=torch.Generator().manual_seed(0)).to(joint.device)
        left, right, _, _ = candidate_rows(graphs, graphs.test, "test")
        right = right[order]
        s = self.model.pair_scores(joint[left], joint[right], self.config)
        row, column = match(s, self.config.matching).T
        rows = {"left": left[row].cpu(), "right": right[column].cpu()}
        table = pd.DataFrame(rows)
        for side, entities in rows.items():
            table[f"{side}_id"] = graphs.source_ids.cpu()[entities]
            table[f"{side}_name"] = [graphs.entity_names[i] for i in entities]
        table["score"], table["correct"] = s.pairs(row, column).cpu(), (row == order[column]).cpu()
        return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)

    def embeddings(self) -> dict[str, Tensor]:
        """Modality, and ``joint`` -> float ``[N, d]``, left graph first; missing features are zero rows."""
        return {m: h.cpu() for m, h in self.model.embed().items()}

    def save(self, folder: str | Path) -> None:
        """Write model, configuration, history, and of the test pairs matches and metrics into a new folder, for :func:`load_run`.

        Raises:
            DataError: the folder is there already, or cannot be written.
        """
        with new_folder(Path(folder)) as part:
            writers = [lambda: run_folder.write_model(self, part)]
            if len(self.graphs.test):
                writers.append(lambda: run_folder.write_metrics(self, part))
                writers.append(
                    lambda: run_folder.write_table(self.matches().drop(columns=["left", "right"]), part / "matches.csv")
                )
            write_each(*writers)


def fit(
    graphs: GraphPair,
    preset: PMFConfig | str = "recommended",
    device: str = "auto",
    *,
    progress: bool = True,
    checkpoint: Path | None = None,
    callback: Callable[[Training], None] | None = None,
    fit_memory: bool = False,
    **changes,
) -> Run:
    """Train a model.

    Args:
        graphs: the pair; it is split as the configuration says, unless it is split already.
        preset: configuration, or the name of a preset. ``recommended`` is the mixture: it compares pairs by evidence and freezes nothing;
            for the paper's method take ``paper``, ``released`` or ``quick``.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: show a progress bar.
        checkpoint: folder in which the state is kept after every validation. The same call goes on from there.
        callback: called with the training after every epoch, to look at it, not to change it.
        fit_memory: begin with batches so small that a step takes at most half of the memory that is free.
        changes: fields of the configuration to change, such as ``epochs=30``.

    Returns:
        The run, its model at the best epoch.

    Raises:
        DataError: the graphs have none of the modalities; the checkpoint is of another run; a loss is not finite
            (``Diverged``); the matcher cannot be used for so many entities or such scores.
        ValueError: no such preset, field or device.
    """
    if isinstance(preset, str) and preset not in PRESETS:
        raise ValueError(f"preset={short(preset)}: choose one of {', '.join(PRESETS)}")
    config = (PRESETS[preset] if isinstance(preset, str) else preset).replace(**changes)
    config = find(config.model).resolve_config(config)
    if "train" not in graphs:
        graphs = graphs.split(config.seed, config.train_share, config.valid_share)
    graphs = find(config.model).prepare(graphs, config)
    sides = (len(graphs.test),) * 2 if len(graphs.test) else (graphs.n_left, graphs.n_right)
    check_possible(config.matching, *sides, comparison_class(config).gives_products(config))
    training = loop.run(Training, graphs, config, device, progress, checkpoint, callback, fit_memory)
    model = training.model
    model.load_state_dict(training.best)
    model.calibrate()
    history = pd.DataFrame(training.history).set_index("epoch")
    return Run(model, training.graphs, training.config, history, training.best_epoch)


def load_run(folder: str | Path, graphs: GraphPair) -> Run:
    """The run that was saved in a folder, by ``train``, ``align`` or :meth:`Run.save`.

    Args:
        folder: of the run.
        graphs: the pair that it was trained on; its split is read from the folder.

    Raises:
        DataError: no complete folder of a run; one of another version; other graphs.
    """
    config, facts, state, history = run_folder.read(Path(folder), graphs)
    graphs = graphs.with_split(*(facts[name] for name in run_folder.SPLIT))
    run_folder.check_width(config, state, Path(folder))
    with run_folder.damage(Path(folder)):
        model = build(graphs, config)
    run_folder.load_state(model, state, Path(folder))
    return Run(model, graphs, config, history, facts["best_epoch"])
