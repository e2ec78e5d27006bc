"""A run for graphs that have changed since: what is known keeps what it learnt, what is new is embedded beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pmf_minimal.baselines.registry import build
from pmf_minimal.datasets.assemble import bag
from pmf_minimal.errors import DamagedFile, OtherRun
from pmf_minimal.graphs import GraphPair
from pmf_minimal.model import EntityAligner
from pmf_minimal.runs import folder as run_folder
from pmf_minimal.runs.files import read_tensors
from pmf_minimal.runs.run import Run, load_run
from pmf_minimal.runs.words import FILE, bags_of, projection

#: Tensors of a model that have a row for each entity, by the end of their names, and along which axis.
PER_ENTITY = {"entities": 0, "_relevance": 1, "_active": 1}
#: A feature is another one if its projection differs by more; networks differ in the last digits from machine to machine.
CLOSE = 1e-3


def load_changed(folder: str | Path, graphs: GraphPair) -> tuple[Run, str]:
    """The run that ``align`` saved in a folder, for graphs that may have changed since.

    Entities are known by their ids. Known ones keep the vectors that they learnt; the vector of a new one is the mean of its neighbours'.
    Its features pass through the trained layers, in the columns of the training. How reliable features are is learnt again, from the
    validation pairs. A blank node has no name of its own, so it counts as new.

    Args:
        folder: of the run.
        graphs: the pair, read as for the training; its split is taken from the folder.

    Returns:
        The run; and a sentence that counts what is new, empty if nothing has changed.

    Raises:
        DataError: no complete folder of a run, one of another version, or one that keeps too little of its graphs; other
            modalities or features than those of the training; no pair is left to learn from or to validate by.
    """
    folder = Path(folder)
    facts = run_folder.read_facts(folder, graphs)
    if facts["same"]:
        return load_run(folder, graphs), ""
    if "uris" not in facts:
        raise OtherRun(f"{folder}: trained on other graphs than these; give the same files, or train anew")
    config, history = run_folder.read_settings(folder)
    state, kept = (read_tensors(folder / name) for name in ("model.safetensors", FILE))
    with run_folder.damage(folder):
        _check_rows(facts, kept)
        before = Before.of(graphs, facts)
        graphs, told = _in_trained_columns(graphs, facts["columns"], kept, before, folder)
        graphs = graphs.with_split(*(before.pairs(facts[name]) for name in run_folder.SPLIT))
        told += _count(graphs, facts, kept, before)
    if not len(graphs.train) or not len(graphs.valid):
        raise OtherRun(f"{folder}: of its known pairs these graphs have none to go on from; align them anew")
    run_folder.check_width(config, state, folder)
    model = build(graphs, config)
    with run_folder.damage(folder):
        state = _fit_rows(model, state, before)
    run_folder.load_state(model, state, folder)
    model.calibrate()
    return Run(model, graphs, config, history, facts["best_epoch"]), f"{folder}: {'; '.join(told)}"


@dataclass
class Before:
    """Where the entities at hand were.

    Attributes:
        rows: int64 ``[N]``, the row of each in the graphs of the training, -1 for a new one.
        now: int64, for each entity of the training its row in the graphs at hand, -1 for one that is gone.
    """

    rows: Tensor
    now: Tensor

    @classmethod
    def of(cls, graphs: GraphPair, facts: dict) -> Before:
        then = {}
        for row, uri in enumerate(facts["uris"]):
            if not uri.startswith("_:"):
                then[row < facts["n_left"], uri] = row
        rows = torch.tensor([then.get((row < graphs.n_left, uri), -1) for row, uri in enumerate(graphs.uris)])
        now = torch.full((len(facts["uris"]),), -1)
        known = rows >= 0
        now[rows[known]] = known.nonzero().ravel()
        return cls(rows, now)

    def pairs(self, pairs: Tensor) -> Tensor:
        """int64 ``[*, 2]`` of the graphs at hand: those of which both entities are still there."""
        pairs = self.now[pairs]
        return pairs[(pairs >= 0).all(dim=1)]


def _check_rows(facts: dict, kept: dict[str, Tensor]) -> None:
    """ValueError if a pair or a triple of the training names an entity or relation that there was not."""
    entities, relations = len(facts["uris"]), len(facts["relations"])
    ends = [facts[name] for name in run_folder.SPLIT] + [kept["edge_index"]]
    for rows, count in [(x, entities) for x in ends] + [(kept["edge_type"], relations)]:
        if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < count:
            raise ValueError("a pair or triple of an entity that does not exist")


def _in_trained_columns(
    graphs: GraphPair, columns: dict[str, list[str]], kept: dict[str, Tensor], before: Before, folder: Path
) -> tuple[GraphPair, list[str]]:
    """The graphs with the bags of words of the training; and a sentence on features of known entities that are others.

    Raises:
        OtherRun: most of a modality's features are others, or of another width.
    """
    graphs = graphs.with_split(*[graphs.pairs[:0]] * 3)
    bags, features, others, known = bags_of(graphs), {}, 0, before.rows >= 0
    for m, x in graphs.features.items():
        if m in columns:
            words, ends = bags[m]
            number = {word: i for i, word in enumerate(words)}
            chosen = np.array([number.get(word, -1) for word in columns[m]], dtype=np.int64)
            features[m] = torch.from_numpy(bag(ends, graphs.num_nodes, chosen))
            continue
        then, now = kept[f"features {m}"][before.rows[known]], projection(x)[known]
        both = (then != 0) & (now != 0)
        other = both & ((then - now).abs() > CLOSE)
        if other.sum() > both.sum() / 2:
            raise OtherRun(
                f"{folder}: {int(other.sum())} of {int(both.sum())} entities have other features {m} than in the training; give "
                "features that were made in the same way, or align anew"
            )
        others += int(other.sum())
        features[m] = x
    graphs.features = features
    graphs.masks = {m: x.any(dim=1) for m, x in features.items()}
    return graphs, [f"{others} features of known entities are others"] if others else []


def _count(graphs: GraphPair, facts: dict, kept: dict[str, Tensor], before: Before) -> list[str]:
    """Sentences on what is new and what is gone."""
    new, gone = int((before.rows < 0).sum()), int((before.now < 0).sum())
    number = {name: i for i, name in enumerate(graphs.relation_names)}
    relation = torch.tensor([number.get(name, -1) for name in facts["relations"]], dtype=torch.long)
    ends, kinds = before.now[kept["edge_index"].long()], relation[kept["edge_type"].long()]
    there = (ends >= 0).all(dim=0) & (kinds >= 0)

    def numbers(ends: Tensor, kinds: Tensor) -> Tensor:
        return ((ends[0] * len(number) + kinds) * graphs.num_nodes + ends[1]).unique()

    then, now = numbers(ends[:, there], kinds[there]), numbers(graphs.edge_index, graphs.edge_type)
    same = int(torch.isin(now, then).sum())
    told = [
        f"{new} new entities and {len(now) - same} new triples are embedded as their features and neighbours have it",
        f"{gone} entities and {int((~there).sum()) + len(then) - same} triples of the training are gone",
    ]
    lost = sum(len(facts[name]) - len(graphs[name]) for name in run_folder.SPLIT)
    if lost:
        told.append(f"{lost} known pairs have lost an entity")
    if any(uri.startswith("_:") for uri in graphs.uris):
        told.append("blank nodes count as new")
    return told


def _fit_rows(model: EntityAligner, state: dict[str, Tensor], before: Before) -> dict[str, Tensor]:
    """The trained weights, with a row for each entity at hand."""
    fitted, known = dict(state), before.rows >= 0
    for key, now in model.state_dict().items():
        axis = PER_ENTITY.get(key.rpartition(".")[2])
        if axis is None or key not in state:
            continue
        if state[key].ndim != now.ndim or state[key].shape[axis] != len(before.now):
            raise DamagedFile(f"model.safetensors: {key} has no row for each entity; make the folder again")
        rows = now.clone().movedim(axis, 0)
        rows[known] = state[key].movedim(axis, 0)[before.rows[known]]
        if key.endswith("entities"):
            from_neighbours(rows, known, model.graphs.edge_index)
        fitted[key] = rows.movedim(0, axis).contiguous()
    return fitted


def from_neighbours(x: Tensor, known: Tensor, edge_index: Tensor) -> None:
    """Give each entity without a vector the mean of its neighbours', in place; then their neighbours. Without any it is zero.

    Args:
        x: float ``[N, d]``.
        known: bool ``[N]``, who has a vector.
        edge_index: int64 ``[2, E]``.
    """
    x[~known] = 0
    receivers, senders = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    while (reach := known[senders] & ~known[receivers]).any():
        to, of = receivers[reach], senders[reach]
        count = torch.bincount(to, minlength=len(x))
        x.index_add_(0, to, x[of])
        x[to.unique()] /= count[to.unique(), None]
        known = known | (count > 0)
