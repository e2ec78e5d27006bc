"""What experiments measure: how good a run is in the end, and what happened to the features on the way."""

from __future__ import annotations

import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.aligner import Aligner
from pmf_minimal.beyond.evidence import PRIOR_RELIABILITY, Evidence, match_zscores, would_freeze
from pmf_minimal.config import PMFConfig
from pmf_minimal.evaluation import candidates, evaluate
from pmf_minimal.extras import extra
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair
from pmf_minimal.metrics import count_better_and_tied, hits_and_mrr
from pmf_minimal.relevance import best_match
from pmf_minimal.scale import blockwise
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.training import Training, fit

with extra("experiments"):
    from sklearn.metrics import roc_auc_score


def train_and_measure(
    graphs: GraphPair, config: PMFConfig, device: str = "cpu", readings: dict[str, dict] | None = None
) -> tuple[dict, list[dict]]:
    """Train with an observer.

    Args:
        graphs, config, device: as for ``training.fit``.
        readings: name -> changed settings; the joint embedding is evaluated again by each.

    Returns:
        Measures, name -> number or None where there is nothing to measure: ``Hits@1``, ``Hits@10`` and ``MRR`` of the best epoch
        on the test pairs, mean of both directions, for the joint embedding and, as ``Hits@1 image``, of each modality
        alone; the same by each reading, as ``Hits@1, NAME`` and ``Hits@1, NAME, left to right``; ``Hits@1 char, input`` of the
        letters alone, without training; ``best epoch`` and its ``valid MRR``; what :meth:`Observer.measure` and, where pairs are
        compared by evidence, :func:`step_by_step` give. Then one dict per epoch, see ``Observer.history``.
    """
    observer = Observer(graphs)
    run = fit(graphs, config, device, progress=False, callback=observer)
    if run.model.temperatures is not None:  # calibrated last of all
        observer.relevance = {m: w.cpu() for m, w in run.model.relevance.items()}
    measures = observer.measure(run.graphs)
    measures["best epoch"] = run.best_epoch
    measures["valid MRR"] = run.history.get("valid MRR", pd.Series(dtype=float)).max()
    for (embedding, _), row in evaluate(run.model, run.graphs, run.graphs.test, config).iterrows():
        for metric, value in row.items():
            name = metric if embedding == "joint" else f"{metric} {embedding}"
            measures[name] = measures.get(name, 0.0) + float(value) / 2
    for reading, changes in (readings or {}).items():
        found = evaluate(run.model, run.graphs, run.graphs.test, config.replace(**changes), only="joint").droplevel(0)
        for metric, both in found.items():
            measures |= {f"{metric}, {reading}": both.mean()} | {
                f"{metric}, {reading}, {d}": v for d, v in both.items()
            }
    if "char" in run.model.modalities:
        x = run.graphs.features["char"]
        s, rows, _ = candidates(x, run.graphs, run.graphs.test, config.replace(similarity="cosine", csls_rounds=0))
        measures["Hits@1 char, input"] = _both_ways(s, rows)
    if run.model.temperatures is not None:
        measures |= step_by_step(run.model, run.graphs, config.csls_k)
    return {k: None if pd.isna(v) else float(v) for k, v in measures.items()}, observer.history


class Observer:
    """What happens to the features while a model trains; it only looks.

    Attributes:
        history: one dict per epoch: thresholds, frozen shares, figures on validation pairs, added pairs and how many of those
            that can be judged are right; where the truth is known, precision and recall of what is frozen.
    """

    def __init__(self, graphs: GraphPair):
        self.history: list[dict] = []
        self.counterpart = torch.full((graphs.num_nodes,), -1)
        for i, j in ((0, 1), (1, 0)):
            self.counterpart[graphs.pairs[:, i]] = graphs.pairs[:, j]
        self.since: dict[str, Tensor] = {}
        self.seeds = 0

    def __call__(self, training: Training) -> None:
        keep = ("threshold", "frozen", "valid", "added", "loss joint")
        row = {k: v for k, v in training.history[-1].items() if k == "epoch" or k.startswith(keep)}
        train = training.probation.train.cpu()
        self.added = len(train) - len(training.graphs.train)
        self.evidence = training.model.temperatures is not None
        if "added" in row and len(train) > self.seeds:
            added = train[self.seeds :]
            judged = added[(self.counterpart[added] >= 0).any(dim=1)]
            row |= {"judged": len(judged), "right": int((self.counterpart[judged[:, 0]] == judged[:, 1]).sum())}
        # By evidence all that was added is looked up anew in each round.
        self.seeds = len(training.graphs.train) if self.evidence else len(train)
        graphs, self.relevance = training.graphs, {m: w.cpu().clone() for m, w in training.model.relevance.items()}
        for m, active in training.model.active.items():
            off = (graphs.presence(m) & ~active).cpu()
            since = self.since.setdefault(m, torch.zeros(len(off), dtype=torch.long))
            since[off & (since == 0)] = training.epoch
            since[~off] = 0  # thawed
            if m in graphs.get("faults", {}):
                row |= self._judge(graphs, m, off)
        self.history.append({k: round(v, 6) for k, v in row.items()})

    def _judge(self, graphs: GraphPair, m: str, frozen: Tensor) -> dict[str, float]:
        """Precision and recall of freezing, among those who have the feature and a counterpart."""
        bad = ~graphs.relevant[m].cpu()
        known = graphs.presence(m).cpu() & (self.counterpart >= 0)
        hit = int((frozen & bad & known).sum())
        return {
            f"precision {m}": hit / max(1, int((frozen & known).sum())),
            f"recall {m}": hit / max(1, int((bad & known).sum())),
        }

    def measure(self, graphs: GraphPair) -> dict[str, float]:
        """How things stand after the last epoch, per modality, among the test pairs of which both sides have the feature.

        * ``frozen m``: share of the features that are frozen, of all entities; of images, with evidence, that would be (:func:`evidence.would_freeze`);
        * ``correlation m``, ``spread m``: Pearson correlation of the scores of both sides; their standard deviation;
        * ``own cosine m, early``, ``late`` and ``never``: cosine of an entity's input feature to its counterpart's, mean over the
          half of the frozen ones that was frozen first, over the other half, and over the rest; ``order``: its rank
          correlation (Spearman) with the time of freezing. For images, since bags of words share no vocabulary;
        * ``added``, ``precision added``: pairs of iterative learning, and the share of right ones among those that can be judged;
          ``precision added, worst`` and ``last``: the same in the worst and in the last round;
        * where the truth is known ``AUC m``, ``AUC m, pairs``, ``AUC m, input``: how well the scores, the smaller score of a pair,
          and the best cosine of the input features tell relevant features (pairs) from others; ``precision m``, ``recall m`` of
          what is frozen; and as ``precision m, input`` and so on of those whose best cosine is below the threshold of the best F1.
        """
        out, test = {}, graphs.test.cpu()
        last, rounds = self.history[-1], [row for row in self.history if row.get("judged")]
        if rounds:
            out["added"] = self.added
            out["precision added"] = sum(row["right"] for row in rounds) / sum(row["judged"] for row in rounds)
            out["precision added, last"] = rounds[-1]["right"] / rounds[-1]["judged"]
            out["precision added, worst"] = min(row["right"] / row["judged"] for row in rounds)
        for m, w in self.relevance.items():
            present = graphs.presence(m).cpu()
            pairs = test[present[test].all(dim=1)]
            w_left, w_right = w[pairs[:, 0]], w[pairs[:, 1]]
            out[f"frozen {m}"] = last[f"frozen {m}"]
            out[f"spread {m}"] = float(torch.cat([w_left, w_right]).std())
            out[f"correlation {m}"] = float(torch.corrcoef(torch.stack([w_left, w_right]))[0, 1])
            if m != "image":
                continue
            if self.evidence:  # nothing was frozen; what would be?
                z = match_zscores({m: graphs.features[m]}, graphs)[m].cpu()
                off = torch.zeros_like(present)
                off[present] = would_freeze(z[present], w[present])
                out[f"frozen {m}"] = float(off[present].float().mean())
            else:
                off = self.since[m] > 0
            x = normalize(graphs.features[m].cpu())
            own = (x[pairs[:, 0]] * x[pairs[:, 1]]).sum(dim=1).repeat(2)
            since = self.since[m][pairs.T.ravel()]
            if (since > 0).any():
                middle = since[since > 0].median()
                out[f"own cosine {m}, early"] = float(own[(since > 0) & (since <= middle)].mean())
                out[f"own cosine {m}, late"] = float(own[since > middle].mean())
                out[f"own cosine {m}, never"] = float(own[since == 0].mean())
                # Those never frozen come after all others.
                order = torch.where(since > 0, since, since.max() + 1)
                out[f"own cosine {m}, order"] = float(spearmanr(order, own).statistic)
            if m in graphs.get("faults", {}):
                out |= self._judge(graphs, m, off)
                good = graphs.relevant[m].cpu()
                alpha = torch.zeros(len(x))
                left, right = x[: graphs.n_left], x[graphs.n_left :]
                alpha[: graphs.n_left], alpha[graphs.n_left :] = best_match(left, right)
                tries = [self._judge(graphs, m, alpha < t) for t in alpha[present].quantile(torch.arange(1, 50) / 50)]
                best = max(tries, key=lambda found: _f1(*found.values()))
                out |= {f"{k}, input": v for k, v in best.items()}
                rows = pairs.ravel()
                out[f"AUC {m}"] = auc(w[rows], good[rows])
                out[f"AUC {m}, input"] = auc(alpha[rows], good[rows])
                out[f"AUC {m}, pairs"] = auc(torch.minimum(w_left, w_right), good[pairs].all(dim=1))
        return out


@torch.no_grad()
def step_by_step(model: Aligner, graphs: GraphPair, csls_k: int = 3) -> dict[str, float]:
    """Hits@1 on the test pairs, mean of both directions, of one model's embeddings read in several ways: what each step brings (chapter 19).

    Returns:
        ``Hits@1, concatenated`` (all weights 1), ``concatenated by trust`` (Eq. (8) with what was learnt in place of relevance), ``kept by both`` (the
        mean of the cosines that both sides have, weighted by trust), ``full trust``, ``one guess`` and ``learnt trust`` (evidence with
        w = 1, w = ``PRIOR_RELIABILITY`` and w as learnt), each without CSLS, and with it once as ``concatenated, CSLS`` and so on.
    """
    h = {m: normalize(x) for m, x in model.encode(graphs).items()}
    w = {m: graphs.presence(m).float() for m in h}
    learnt = model.relevance
    guess = torch.full_like(model.temperatures, model.config.temperature)
    left, right = graphs.test.T
    rows = torch.arange(len(left), device=left.device)
    out = {}

    def look(name: str, weights: dict[str, Tensor], temperatures: Tensor | None = None) -> None:
        z = fuse(h, weights)
        for rounds, more in ((0, ""), (1, ", CSLS")):
            if temperatures is None:
                s = Similarities(z[left], z[right], "cosine", csls_k, rounds)
            else:
                s = Evidence(z[left], z[right], temperatures, csls_k, rounds)
            out[f"Hits@1, {name}{more}"] = _both_ways(s, rows)

    look("concatenated", w)
    look("concatenated by trust", learnt)
    # The cosine of two joint vectors, times their lengths, over the sum of the products of weights.
    z, v = fuse(h, learnt), torch.stack([learnt[m] for m in h], dim=1)
    both = (z[left] @ z[right].T) / (v[left] @ v[right].T).clamp(min=1e-9)
    out["Hits@1, kept by both"] = (
        sum(hits_and_mrr(*count_better_and_tied(s, rows))["Hits@1"] for s in (both, both.T)) / 2
    )
    look("full trust", {m: 0.9999 * x for m, x in w.items()}, guess)
    look("one guess", {m: PRIOR_RELIABILITY * x for m, x in w.items()}, guess)
    look("learnt trust", learnt, model.temperatures)
    return out


def _both_ways(s: Similarities, rows: Tensor) -> float:
    return sum(hits_and_mrr(*blockwise.count_better_and_tied(t, rows, rows))["Hits@1"] for t in (s, s.T)) / 2


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(precision + recall, 1e-9)


def auc(score: Tensor, good: Tensor) -> float:
    """Probability that a good one scores higher than another one, ties half; NaN where either kind is missing."""
    if good.all() or not good.any():
        return float("nan")
    return float(roc_auc_score(good.cpu(), score.cpu()))
