"""Aligning graphs of your own: matches among all entities, how far to trust them, and why each one was made."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pmf_minimal.aligner import build
from pmf_minimal.beyond.evidence import Evidence
from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.errors import DamagedFile, DataError, MissingFile
from pmf_minimal.formats import FORMAT, check
from pmf_minimal.graphs import GraphPair
from pmf_minimal.own.rdf import write_same_as
from pmf_minimal.scale.blockwise import Similarities, match, row_slices
from pmf_minimal.training import Run

LEAST = 10  # known pairs: fewer leave hardly three to validate by


def bootstrap_pairs(graphs: GraphPair, start: str) -> Tensor:
    """Pairs to begin with where none is known; some of them are wrong.

    Args:
        start: ``names``: equal names, letters' case apart, that nobody else in either graph bears; ``images``: pictures
            that are each other's most similar, the more similar half of them.

    Returns:
        int64 ``[P, 2]``, rows.

    Raises:
        DataError: fewer than ``LEAST`` such pairs.
    """
    n = graphs.n_left
    if start == "names":
        sides = [{}, {}]
        for row, name in enumerate(graphs.entity_names):
            if not graphs.uris[row].startswith("_:"):
                sides[row >= n].setdefault(name.casefold(), []).append(row)
        left, right = sides
        pairs = torch.tensor(
            [(left[k][0], right[k][0]) for k in left if len(left[k]) == len(right.get(k, ())) == 1], dtype=torch.long
        ).reshape(-1, 2)
    else:
        if "image" not in graphs.features:
            raise DataError(f"{graphs.name}: no images to start from; give pairs with --seeds, or --start names")
        rows = graphs.presence("image").nonzero().squeeze(1)
        left, right = rows[rows < n], rows[rows >= n]
        s = Similarities(graphs.features["image"][left], graphs.features["image"][right])
        i, j = match(s, "mutual").T
        sure = s.pairs(i, j).argsort(descending=True, stable=True)[: (len(i) + 1) // 2]
        pairs = torch.stack([left[i], right[j]], dim=1)[sure]
    if len(pairs) < LEAST:
        raise DataError(
            f"{graphs.name}: only {len(pairs)} pairs to start from by {start}; give known ones with --seeds"
        )
    return pairs


def settings(graphs: GraphPair, **changes) -> PMFConfig:
    """The preset ``recommended`` for graphs of your own: all their modalities, more validation pairs.

    Args:
        changes: fields to change; None leaves the field as it is. Iterative learning goes on for half as many epochs as those
            given, unless it is given too.
    """
    given = {field: value for field, value in changes.items() if value is not None}
    if "epochs" in given:
        given.setdefault("iterative_epochs", given["epochs"] // 2)
    return (
        PRESETS["recommended"]
        .with_modalities(graphs.modalities)
        .replace(**{"valid_share": 0.3, "candidates": "all"} | given)
    )


def split_for_application(graphs: GraphPair, seed: int, valid_share: float) -> GraphPair:
    """All known pairs dealt into seeds and validation pairs; none is left for testing.

    Raises:
        DataError: fewer than ``LEAST`` pairs; a share that leaves fewer than two seeds or one validation pair.
    """
    order = torch.randperm(len(graphs.pairs), generator=torch.Generator().manual_seed(seed))
    kept = len(order) - round(valid_share * len(order))
    if len(order) < LEAST or not 2 <= kept < len(order):
        raise DataError(
            f"{graphs.name}: {len(order)} known pairs do not make seeds and validation pairs; give at least {LEAST}"
        )
    train, valid = (graphs.pairs[i] for i in order.tensor_split([kept]))
    return graphs.with_split(train, valid, graphs.pairs[:0])


def wilson(right: int, trials: float, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share that was seen as ``right`` of ``trials`` (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    p = right / trials
    middle, half = p + z * z / (2 * trials), z * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / trials)), min(1.0, (middle + half) / (1 + z * z / trials))


class Alignment:
    """Matches of all entities of both graphs, one-to-one, the surest first, with what the validation pairs say of them.

    Blank nodes are not matched: nothing outside their file could name them.

    Attributes:
        matches: left, right (rows), left_uri, left_name, right_uri, right_name, known (the pair was given), score,
            evidence, ``from <modality>`` (its part of the evidence: they add up to it) and precision, estimated among all
            matches that are at least as sure. The score is the evidence after CSLS.
        thresholds: per threshold: matches above it, those of seeds left out; right and wrong among the validation pairs' left
            entities; false_matches, the mean count of left and of right entities that get a match though their counterpart
            is taken away; precision = right / (right + wrong + false_matches) with its interval, and recall.

    Raises:
        DataError: the run was not trained to compare by evidence.
    """

    def __init__(self, run: Run):
        self.graphs, self.config = run.graphs, run.config
        with torch.no_grad():
            self.embeddings = {m: h.cpu() for m, h in run.model.embed(run.graphs).items()}
        n = self.graphs.n_left
        joint = self.embeddings["joint"]
        if run.model.temperatures is None:
            raise DataError(
                "graphs of your own are compared by evidence: train with fusion='evidence', as settings() has it"
            )
        config, temperatures = self.config, run.model.temperatures.cpu()
        self.score = Evidence(joint[:n], joint[n:], temperatures, config.csls_k, config.csls_rounds)
        blank = torch.tensor([uri.startswith("_:") for uri in self.graphs.uris])
        self.free = [~blank[:n], ~blank[n:]]
        self.thresholds = self._thresholds()
        self.matches = self._matches()

    def at_precision(self, precision: float) -> pd.DataFrame:
        """The known pairs, and the matches at the lowest threshold that is estimated to be that precise; else no others."""
        fits = self.thresholds[self.thresholds["precision"] >= precision]
        least = fits["threshold"].min() if len(fits) else np.inf
        return self.matches[self.matches["known"] | (self.matches["score"] >= least)]

    def _greedy(self, taken: Tensor) -> Tensor:
        """int64 ``[P, 2]``, row and column of the greedy matches of the entities that are not in ``taken``."""
        free = [mask.clone() for mask in self.free]
        free[0][taken[:, 0]], free[1][taken[:, 1] - self.graphs.n_left] = False, False
        rows, columns = (mask.nonzero().squeeze(1) for mask in free)
        i, j = match(self.score.subset(rows, columns)).T
        return torch.stack([rows[i], columns[j]], dim=1)

    def _thresholds(self) -> pd.DataFrame:
        """Each validation pair is tried thrice: as it is, and as if its right, then its left entity did not exist.

        The latter two tell how an entity without counterpart fares: an false_match is a match that it gets all the same.
        """
        to_columns = torch.tensor([0, self.graphs.n_left])
        valid, seeds = self.graphs.valid.cpu() - to_columns, self.graphs.train.cpu() - to_columns
        matches = self._greedy(self.graphs.train.cpu())
        i, j = matches.T
        got = torch.full((len(self.free[0]),), -1)
        got[i] = j
        answer = got[valid[:, 0]]
        score = self.score.pairs(valid[:, 0], answer).where(answer >= 0, -torch.inf).numpy()
        hit = (answer == valid[:, 1]).numpy()
        false_match = np.concatenate([self._alone(side, valid, seeds, matches) for side in (0, 1)])
        found = self.score.pairs(i, j).numpy()
        rows = []
        for threshold in sorted({*score[np.isfinite(score)].tolist()}, reverse=True):
            right, wrong = int((hit & (score >= threshold)).sum()), int((~hit & (score >= threshold)).sum())
            false_matches = float((false_match >= threshold).sum() / 2)  # the mean of both sides
            made = right + wrong + false_matches
            low, high = wilson(right, made)
            rows.append(
                {
                    "threshold": threshold,
                    "matches": int((found >= threshold).sum()),
                    "right": right,
                    "wrong": wrong,
                    "false_matches": false_matches,
                    "precision": right / made,
                    "precision_low": low,
                    "precision_high": high,
                    "recall": right / len(valid),
                }
            )
        return pd.DataFrame(rows)

    def _alone(self, side: int, valid: Tensor, seeds: Tensor, matches: Tensor) -> np.ndarray:
        """float ``[V]``: the score of the match that each validation pair's entity of a side gets without its counterpart.

        It takes the most similar entity that is free, or whose own match is no surer; none is left: -inf.
        """
        other = 1 - side
        taken_at = torch.full((len(self.free[other]),), -torch.inf)
        taken_at[matches[:, other]] = self.score.pairs(*matches.T)
        taken_at[seeds[:, other]] = torch.inf  # seeds are not to be had
        taken_at[~self.free[other]] = torch.inf
        side_score, best = (self.score, self.score.T)[side], []
        for part in row_slices(len(valid), len(taken_at)):
            score = side_score.block(valid[part, side])
            score = score.where(score >= taken_at, -torch.inf)
            score[torch.arange(len(score)), valid[part, other]] = -torch.inf
            best.append(score.amax(dim=1))
        return torch.cat(best).numpy()

    def _matches(self) -> pd.DataFrame:
        graphs, n = self.graphs, self.graphs.n_left
        known = torch.cat([graphs.train, graphs.valid]).cpu()
        pairs = torch.cat([known, self._greedy(known) + torch.tensor([0, n])])
        left, right = pairs.T
        parts = self.score.by_modality(left, right - n)
        score = self.score.pairs(left, right - n).numpy()
        table = pd.DataFrame(
            {"left": left, "right": right}
            | {
                f"{word}_{what}": [values[i] for i in rows.tolist()]
                for word, rows in (("left", left), ("right", right))
                for what, values in (("uri", graphs.uris), ("name", graphs.entity_names))
            }
            | {"known": np.arange(len(pairs)) < len(known), "score": score, "evidence": parts.sum(dim=1)}
            | {f"from {m}": parts[:, k] for k, m in enumerate(list(self.embeddings)[:-1])}
        )
        steps = self.thresholds.iloc[::-1]  # thresholds rising
        place = np.searchsorted(steps["threshold"].to_numpy(), score, side="right") - 1
        # Surer than any validation pair: what holds at the highest threshold. Less sure than all: nothing is known.
        table["precision"] = np.where(place >= 0, steps["precision"].to_numpy()[place.clip(0)], np.nan)
        return table.sort_values(["known", "score"], ascending=False, kind="stable", ignore_index=True)

    def write(self, folder: Path, precision: float) -> pd.DataFrame:
        """``matches.csv`` (all of them), ``matches.nt`` (those above the precision) and ``thresholds.csv`` into a folder.

        Without ``matches.nt`` where the ids are no absolute IRIs: RDF could not name them.

        Returns:
            The matches above the precision.
        """
        kept = self.at_precision(precision)
        table = self.matches.assign(kept=self.matches.index.isin(kept.index)).drop(columns=["left", "right"])
        table.to_csv(folder / "matches.csv", index=False, float_format="%.5f")
        pairs = list(zip(kept["left_uri"], kept["right_uri"], strict=True))
        if all(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", uri) for pair in pairs for uri in pair):
            (folder / "matches.nt").write_text(write_same_as(pairs), "utf-8")
        self.thresholds.to_csv(folder / "thresholds.csv", index=False, float_format="%.5f")
        return kept

    def write_embeddings(self, path: Path) -> None:
        """``ids`` and one float32 ``[N, d]`` per modality and ``joint``, left graph first."""
        np.savez(path, ids=np.array(self.graphs.uris), **{m: h.numpy() for m, h in self.embeddings.items()})


def fingerprint(graphs: GraphPair) -> str:
    """SHA-256 of entities, triples and features; of images only who has one: :func:`image_projection` has the rest."""
    digest = hashlib.sha256(json.dumps([graphs.n_left, graphs.uris, graphs.relation_names]).encode())
    for x in (graphs.edge_index, graphs.edge_type):
        digest.update(x.cpu().numpy().tobytes())
    for m, x in sorted(graphs.features.items()):
        digest.update(f"{m}{list(x.shape)}".encode())
        digest.update((graphs.presence(m) if m == "image" else x).cpu().numpy().tobytes())
    return digest.hexdigest()


def image_projection(graphs: GraphPair) -> np.ndarray:
    """float32 ``[images]``: a fixed random projection of each image's features.

    Networks differ in the last digit from machine to machine, so images are compared by closeness, not by a hash.
    """
    if "image" not in graphs.features:
        return np.zeros(0, np.float32)
    x = graphs.features["image"][graphs.presence("image")].cpu()
    return (x @ torch.randn(x.shape[1], generator=torch.Generator().manual_seed(0))).numpy()


def describe(run: Run, precision: float) -> dict:
    """What :func:`restore` needs besides configuration and weights; goes into ``run.json``."""
    pairs = {name: getattr(run.graphs, name).tolist() for name in ("train", "valid")}
    return {
        "format": FORMAT,
        "graphs": fingerprint(run.graphs),
        "images": image_projection(run.graphs).round(5).tolist(),
        "best_epoch": run.best_epoch,
        "precision": precision,
    } | pairs


def restore(folder: Path, graphs: GraphPair) -> tuple[Run, float]:
    """A run from its folder, with the precision that was asked for.

    Raises:
        DataError: MissingFile or DamagedFile: no complete folder of a run; or it is of another format, or of other graphs.
    """
    try:
        facts = json.loads((folder / "run.json").read_text("utf-8"))
        check(facts, folder / "run.json", oldest=2)
        config = PMFConfig.from_json((folder / "config.json").read_text("utf-8"))
        missing = ", ".join(m for m in config.modalities if m not in graphs.modalities)
        if missing:
            raise DataError(
                f"{folder}: trained with {missing} too, which these graphs lack; give the same files and --features"
            )
        same = facts["graphs"] == fingerprint(graphs)
        if not same or not np.allclose(
            np.array(facts["images"], np.float32), image_projection(graphs), rtol=0, atol=1e-3
        ):
            more = ", ".join(m for m in graphs.modalities if m not in config.modalities)
            raise DataError(
                f"{folder}: trained on other graphs than these{f', without {more}' * bool(more)}; give the same files, or align "
                "these anew"
            )
        n = graphs.num_nodes
        train, valid = (torch.tensor(facts[k], dtype=torch.long).reshape(-1, 2) for k in ("train", "valid"))
        if (torch.cat([train, valid]) < 0).any() or (torch.cat([train, valid]) >= n).any():
            raise DamagedFile(f"{folder / 'run.json'}: a pair that does not exist; align the graphs again")
        graphs = graphs.with_split(train, valid, train[:0])
        model = build(graphs, config)
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return Run(model, graphs, config, pd.DataFrame(), facts["best_epoch"]), float(facts["precision"])
    except OSError as error:
        raise MissingFile(
            f"{folder}: no folder of a run, {error.filename or 'a file'} is missing; give the folder that align wrote"
        ) from None
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise DamagedFile(
            f"{folder}: not the folder of a run, or damaged ({str(error)[:80]}); align the graphs again"
        ) from None
