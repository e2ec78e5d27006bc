"""The evidence of each modality for or against a pair, and how reliable it is (beyond the paper).

The idea: relevance is a matter of the pair, not of the entity. Two pictures that resemble each other more than chance would have it
speak for a pair; two that do not may both be good ones of different things, or one of them is worthless. So their evidence is
bounded below by how often a picture of this kind is worthless, and not bounded above.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pkgutil import resolve_name

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.beyond.calibration import (
    MAX_RELIABILITY,
    PRIOR_RELIABILITY,
    calibrate,
    evidence,
    match_zscores,
    would_freeze,
)
from pmf_minimal.config import MatchingConfig
from pmf_minimal.model import EntityAligner
from pmf_minimal.scale.block_matching import mutual
from pmf_minimal.scale.blockwise import PairScores
from pmf_minimal.scale.comparison import Comparison
from pmf_minimal.scale.kernels import row_slices


class Evidence(PairScores):
    """Sum of the evidence of all modalities for every pair, of which any block of rows can be had.

        r_ij = exp(cos_ij / tau) / sqrt( mean_k exp(cos_ik / tau) · mean_k exp(cos_kj / tau) )

    That is what a contrastive loss teaches: at the optimum of one that looks for counterparts of i, exp(cos / tau) is the ratio of two
    densities, of pairs and of strangers, up to a factor of i (van den Oord et al., Representation learning with contrastive
    predictive coding, 2018), which the mean over the row takes out; the other direction does the same for j. r is the geometric
    mean of both answers. Like CSLS, the means make hubs pay. Since i and j are among the k, r is never more than the number of
    candidates.

    Args:
        left, right: float ``[n, d · modalities]`` and ``[n', d · modalities]``, joint embeddings of Eq. (8): the direction of
            each part is the feature, its length w_i.
        temperatures: float ``[modalities]``, tau.
        csls_k, csls_rounds: as for :func:`matching.similarity`.
        widths: of the modalities' parts, d each; None if all have the same.
    """

    explains, temperature = True, 1.0  # its exponential is a ratio of likelihoods

    def __init__(
        self,
        left: Tensor,
        right: Tensor,
        temperatures: Tensor,
        csls_k: int = 3,
        csls_rounds: int = 0,
        widths: Sequence[int] | None = None,
    ):
        m = len(temperatures)
        widths = list(widths) if widths else [left.shape[1] // m] * m
        # All that belongs to an entity is in its row, such that a dot product of two rows' parts is log r.
        rows, columns, reliability = [], [], ([], [])
        for tau, x, y in zip(temperatures.tolist(), left.split(widths, dim=1), right.split(widths, dim=1), strict=True):
            w, v = x.norm(dim=1), y.norm(dim=1)
            x, y = normalize(x), normalize(y)
            base, other = _log_means(x, y, w > 0, v > 0, tau)
            rows.append(torch.cat([x / tau, -base[:, None] / 2, x.new_ones(len(x), 1)], dim=1))
            columns.append(torch.cat([y, y.new_ones(len(y), 1), -other[:, None] / 2], dim=1))
            reliability[0].append(w.clamp(max=MAX_RELIABILITY)), reliability[1].append(v)
        self.widths = [width + 2 for width in widths]
        left, right = (
            torch.cat([*x, torch.stack(w, 1)], dim=1) for x, w in zip((rows, columns), reliability, strict=True)
        )
        super().__init__(left, right, csls_k, csls_rounds)

    def _sides(self, left: Tensor, right: Tensor):
        """Per modality the parts whose dot products are log r, and w, of some rows of ``left`` and ``right``."""
        (*x, w), (*y, v) = (side.split([*self.widths, len(self.widths)], dim=1) for side in (left, right))
        yield from zip(x, y, w.T, v.T, strict=True)

    def raw_block(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        total = None
        for x, y, w, v in self._sides(left, right):
            # evidence() in one place, step by step
            e = (x @ y.T).expm1_().mul_(w[:, None]).mul_(v).log1p_()
            total = e if total is None else total.add_(e)
        return total if out is None else out.copy_(total)

    def raw_pairs(self, left: Tensor, right: Tensor) -> Tensor:
        return self._by_modality(left, right).sum(dim=1)

    def _by_modality(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.stack([evidence((x * y).sum(dim=1), w * v) for x, y, w, v in self._sides(left, right)], dim=1)

    def by_modality(self, rows: Tensor, columns: Tensor) -> Tensor:
        """float ``[P, modalities]``: the evidence of each modality for the given cells, before CSLS."""
        return self._by_modality(self.left[rows], self.right[columns])

    def confidence(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Probability of the given pairs, float ``[P]``, if of all candidates just one is the counterpart: the lower of both directions.

        Evidence before CSLS is the logarithm of a ratio of likelihoods, so its softmax over the candidates is that probability.
        """
        plain, totals = self._before_csls(), LogTotals(self)
        for part, block in plain.blocks():
            totals.add(part, block)
        return totals.share(plain.pairs(rows, columns), rows, columns)

    def mutual(self) -> tuple[Tensor, Tensor]:
        """Pairs that are each other's best before CSLS, int64 ``[P, 2]``, and their :meth:`confidence`, float ``[P]``, by one pass."""
        plain, totals = self._before_csls(), LogTotals(self)
        pairs = mutual(plain, look=totals.add)
        return pairs, totals.share(plain.pairs(*pairs.T), *pairs.T)

    def _before_csls(self) -> Evidence:
        plain = copy.copy(self)
        if self.means:
            plain.__dict__.pop("dense", None)
            plain.means = []
        return plain


class LogTotals:
    """log of the sum of exp(score) over every row and every column, added up a block of rows at a time."""

    def __init__(self, scores: PairScores):
        self.rows, self.columns = (scores.left.new_full((n,), -torch.inf) for n in scores.shape)

    def add(self, rows: slice, block: Tensor) -> None:
        """One more block, float ``[len(rows), n']``."""
        self.rows[rows] = block.logsumexp(dim=1)
        self.columns = torch.logaddexp(self.columns, block.logsumexp(dim=0))

    def share(self, scores: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """exp(score) by the sum over its row or its column, whichever is larger: float ``[P]``."""
        return (scores - torch.maximum(self.rows[rows], self.columns[columns])).exp()


def _log_means(x: Tensor, y: Tensor, here: Tensor, there: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """log mean_k exp(cos_ik / tau), float ``[n]``, and log mean_k exp(cos_kj / tau), float ``[n']``, over those who have the feature; else 0."""
    of_rows, of_columns = x.new_zeros(len(x)), y.new_zeros(len(y))
    x, y = x[here], y[there]
    if len(x) and len(y):
        rows, columns = x.new_zeros(len(x)), y.new_full((len(y),), -torch.inf)
        for part in row_slices(len(x), len(y)):
            scaled = (x[part] @ y.T).div_(tau)
            rows[part] = scaled.logsumexp(dim=1)
            columns = torch.logaddexp(columns, scaled.logsumexp(dim=0))
        of_rows[here], of_columns[there] = rows - math.log(len(y)), columns - math.log(len(x))
    return of_rows, of_columns


class EvidenceComparison(Comparison):
    """Compares joint embeddings by :class:`Evidence`, with temperatures and reliabilities learnt from the validation pairs.

    The model's relevance holds the reliability of each feature, so the lengths of the joint embedding's parts are w_i.
    """

    learns = explains = True
    #: widths of the modalities' parts, None if all have the same
    widths: Sequence[int] | None = None

    def __init__(self, model: EntityAligner):
        super().__init__(model)
        self.register_buffer("temperatures", torch.full((len(model.modalities),), model.config.temperature))
        model._relevance.mul_(PRIOR_RELIABILITY)
        self.zscores: dict[str, Tensor] = {}

    def pair_scores(self, left: Tensor, right: Tensor, config: MatchingConfig) -> Evidence:
        return Evidence(left, right, self.temperatures, config.csls_k, config.csls_rounds, self.widths)

    @classmethod
    def gives_products(cls, config: MatchingConfig) -> bool:
        return False

    @torch.no_grad()
    def calibrate(self, model: EntityAligner) -> None:
        graphs = model.graphs
        if not self.zscores:  # of the given features, once for the whole run
            given = {m: graphs.features[m] for m in model.modalities if m in graphs.features}
            self.zscores = match_zscores(given, graphs)
        temperatures, reliability = calibrate(model.encode(), graphs, model.config.seed, self.zscores)
        self.temperatures.copy_(temperatures)
        for m, w in reliability.items():
            model.relevance[m].copy_(w)

    def would_freeze(self, model: EntityAligner, modality: str) -> Tensor:
        graphs, w = model.graphs, model.relevance[modality]
        here = graphs.mask(modality)
        z = match_zscores({modality: graphs.features[modality]}, graphs)[modality]
        out = torch.zeros_like(here)
        out[here] = would_freeze(z[here], w[here])
        return out

    def diagnostics(self, model: EntityAligner) -> dict[str, float]:
        return resolve_name("pmf_minimal.beyond.steps:step_by_step")(model)
