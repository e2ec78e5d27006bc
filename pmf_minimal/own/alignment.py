"""Matches among all entities of two graphs of your own, how far to rely on them, and why each one was made."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pmf_minimal.errors import DataError
from pmf_minimal.own import report
from pmf_minimal.own.rdf import write_same_as
from pmf_minimal.own.setup import NO_EVIDENCE
from pmf_minimal.runs import folder as run_folder
from pmf_minimal.runs.files import new_folder
from pmf_minimal.runs.run import Run
from pmf_minimal.scale.block_matching import match
from pmf_minimal.scale.kernels import row_slices

ESTIMATES = (
    "threshold", "matches", "correct", "wrong", "false_matches", "precision", "precision_low", "precision_high", "recall",
)  # fmt: skip
#: An IRI that RDF can name.
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")


def wilson(correct: int, trials: float, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share that was seen as ``correct`` of ``trials`` (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    p = correct / trials
    middle, half = p + z * z / (2 * trials), z * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / trials)), min(1.0, (middle + half) / (1 + z * z / trials))


class Alignment:
    """Matches of all entities of both graphs, one-to-one, the surest first, with what the validation pairs say of them.

    Blank nodes are not matched: nothing outside their file could name them.

    Attributes:
        matches: left, right (rows), left_uri, left_name, right_uri, right_name, known (the pair was given), score,
            evidence, ``from <modality>`` (its part of the evidence: they add up to it) and precision, estimated among all
            matches that are at least as sure. The score is the evidence after CSLS.
        thresholds: per threshold: matches above it, those of seeds left out; correct and wrong among the validation pairs' left
            entities; false_matches, the mean count of left and of right entities that get a match though their counterpart
            is taken away; precision = correct / (correct + wrong + false_matches) with its interval, and recall.

    Args:
        run: trained on graphs of your own, see ``own.align``.
        precision: that the kept matches should have, by the estimate.

    Raises:
        DataError: the run does not compare pairs by evidence.
    """

    def __init__(self, run: Run, precision: float = 0.9):
        self.run, self.graphs, self.precision = run, run.graphs.to("cpu"), precision
        self.embeddings = run.embeddings()
        n, joint = self.graphs.n_left, self.embeddings["joint"]
        comparison = copy.deepcopy(run.model.comparison).cpu()
        self.score = comparison.pair_scores(joint[:n], joint[n:], run.config)
        if not self.score.explains:
            raise DataError(NO_EVIDENCE)
        blank = torch.tensor([uri.startswith("_:") for uri in self.graphs.uris])
        self.free = [~blank[:n], ~blank[n:]]
        self.thresholds = self._thresholds()
        self.matches = self._matches()
        self.kept = self.at_precision(precision)

    def at_precision(self, precision: float) -> pd.DataFrame:
        """The known pairs, and the matches at the lowest threshold that is estimated to be that precise; else no others."""
        fits = self.thresholds[self.thresholds["precision"] >= precision]
        least = fits["threshold"].min() if len(fits) else np.inf
        return self.matches[self.matches["known"] | (self.matches["score"] >= least)]

    def _decide(self, taken: Tensor) -> Tensor:
        """int64 ``[P, 2]``, row and column of the matches of the entities that are not in ``taken``."""
        free = [mask.clone() for mask in self.free]
        free[0][taken[:, 0]], free[1][taken[:, 1] - self.graphs.n_left] = False, False
        rows, columns = (mask.nonzero().squeeze(1) for mask in free)
        i, j = match(self.score.subset(rows, columns), self.run.config.matching).T
        return torch.stack([rows[i], columns[j]], dim=1)

    def _thresholds(self) -> pd.DataFrame:
        """Each validation pair is tried thrice: as it is, and as if its right, then its left entity did not exist.

        The latter two tell how an entity without counterpart fares: a false match is a match that it gets all the same.
        """
        to_columns = torch.tensor([0, self.graphs.n_left])
        valid, seeds = self.graphs.valid.cpu() - to_columns, self.graphs.train.cpu() - to_columns
        matches = self._decide(self.graphs.train.cpu())
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
            correct, wrong = int((hit & (score >= threshold)).sum()), int((~hit & (score >= threshold)).sum())
            false_matches = float((false_match >= threshold).sum() / 2)  # the mean of both sides
            made = correct + wrong + false_matches
            low, high = wilson(correct, made)
            rows.append(
                {
                    "threshold": threshold,
                    "matches": int((found >= threshold).sum()),
                    "correct": correct,
                    "wrong": wrong,
                    "false_matches": false_matches,
                    "precision": correct / made,
                    "precision_low": low,
                    "precision_high": high,
                    "recall": correct / len(valid),
                }
            )
        return pd.DataFrame(rows, columns=ESTIMATES)

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
        pairs = torch.cat([known, self._decide(known) + torch.tensor([0, n])])
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
        steps = self.thresholds.iloc[::-1].astype(float)  # thresholds rising
        place = np.searchsorted(steps["threshold"].to_numpy(), score, side="right")
        # Surer than any validation pair: what holds at the highest threshold. Less sure than all: nothing is known.
        table["precision"] = np.array([np.nan, *steps["precision"]])[place]
        return table.sort_values(["known", "score"], ascending=False, kind="stable", ignore_index=True)

    def save(self, folder: str | Path, model: bool = True) -> None:
        """Write into a new folder, which ``load_run`` reads.

        ``matches.csv`` has all matches, ``matches.nt`` those that are kept (where all ids are absolute IRIs: RDF could not name
        others), ``thresholds.csv`` the estimates; then the model, or with ``model=False`` its embeddings.

        Raises:
            DataError: the folder is there already, or cannot be written.
        """
        with new_folder(Path(folder)) as part:
            if model:
                run_folder.write_model(self.run, part, precision=self.precision)
            table = self.matches.assign(kept=self.matches.index.isin(self.kept.index))
            run_folder.write_table(table.drop(columns=["left", "right"]), part / "matches.csv")
            run_folder.write_table(self.thresholds, part / "thresholds.csv")
            pairs = list(zip(self.kept["left_uri"], self.kept["right_uri"], strict=True))
            if all(ABSOLUTE.match(uri) for pair in pairs for uri in pair):
                (part / "matches.nt").write_text(write_same_as(pairs), "utf-8")
            if not model:
                # Two names are taken: that of the ids, and NumPy's own for the file.
                arrays = {f"modality {m}" if m in ("ids", "file") else m: h.numpy() for m, h in self.embeddings.items()}
                np.savez(part / "embeddings.npz", ids=np.array(self.graphs.uris), **arrays)

    def report(self, path: str | Path, picture: report.Picture | None = None) -> None:
        """Write one HTML page to look at the matches and to review them, see :func:`~pmf_minimal.own.report.write`.

        Args:
            path: an .html file.
            picture: of an entity, by side and URI; None: the image files that the graphs were read with.
        """
        graphs = self.graphs
        files = dict(zip(report.SIDES, graphs.get("image_files") or ({}, {}), strict=True))
        subject = report.Subject(graphs.name, (graphs.n_left, graphs.n_right), graphs.get("notes") or ())
        subject.picture = picture or (lambda side, uri: files[side].get(uri))
        report.write(self, path, subject)
