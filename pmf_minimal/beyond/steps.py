"""What each step of comparing by evidence brings, measured on one model's embeddings (beyond the paper)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.beyond.calibration import PRIOR_RELIABILITY
from pmf_minimal.beyond.evidence import Evidence
from pmf_minimal.fusion import fuse
from pmf_minimal.metrics import evaluate
from pmf_minimal.model import EntityAligner
from pmf_minimal.scale.blockwise import PairScores, Similarities
from pmf_minimal.scale.evaluation import evaluate_scores


@torch.no_grad()
def step_by_step(model: EntityAligner) -> dict[str, float]:
    """Hits@1 on the test pairs, mean of both directions, of one model's embeddings read in several ways: what each step brings.

    Returns:
        ``Hits@1, concatenated`` (all weights 1), ``concatenated by trust`` (Eq. (8) with what was learnt in place of relevance), ``kept by both`` (the
        mean of the cosines that both sides have, weighted by trust), ``full trust``, ``one guess`` and ``learnt trust`` (evidence with
        w = 1, w = ``PRIOR_RELIABILITY`` and w as learnt), each without CSLS, and with it once as ``concatenated, CSLS`` and so on.
    """
    graphs, learnt_temperatures, csls_k = model.graphs, model.comparison.temperatures, model.config.csls_k
    h = {m: normalize(x) for m, x in model.encode().items()}
    w = {m: graphs.mask(m).float() for m in h}
    learnt = model.relevance
    guess = torch.full_like(learnt_temperatures, model.config.temperature)
    left, right = graphs.test.T
    rows = torch.arange(len(left), device=left.device)
    out = {}

    def look(name: str, weights: dict[str, Tensor], temperatures: Tensor | None = None) -> None:
        z = fuse(h, weights)
        for rounds, more in ((0, ""), (1, ", CSLS")):
            if temperatures is None:
                s = Similarities(z[left], z[right], "cosine", csls_k, rounds)
            else:
                s = Evidence(z[left], z[right], temperatures, csls_k, rounds, model.comparison.widths)
            out[f"Hits@1, {name}{more}"] = _both_ways(s, rows)

    look("concatenated", w)
    look("concatenated by trust", learnt)
    # The cosine of two joint vectors, times their lengths, over the sum of the products of weights.
    z, v = fuse(h, learnt), torch.stack([learnt[m] for m in h], dim=1)
    both = (z[left] @ z[right].T) / (v[left] @ v[right].T).clamp(min=1e-9)
    out["Hits@1, kept by both"] = sum(evaluate(s, rows)["Hits@1"] for s in (both, both.T)) / 2
    look("full trust", {m: 0.9999 * x for m, x in w.items()}, guess)
    look("one guess", {m: PRIOR_RELIABILITY * x for m, x in w.items()}, guess)
    look("learnt trust", learnt, learnt_temperatures)
    return out


def _both_ways(s: PairScores, rows: Tensor) -> float:
    return sum(evaluate_scores(t, rows, rows)["Hits@1"] for t in (s, s.T)) / 2
