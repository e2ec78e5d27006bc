"""What experiments measure: how good a run is in the end, and what happened to the features on the way."""

from __future__ import annotations

import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.extras import extra
from pmf_minimal.graphs import GraphPair
from pmf_minimal.model import EntityAligner
from pmf_minimal.relevance import best_match
from pmf_minimal.runs.run import fit
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.evaluation import candidate_rows, evaluate_model, evaluate_scores
from pmf_minimal.training import Training

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
        letters alone, without training; ``best epoch`` and its ``valid MRR``; what :meth:`Observer.measure` and the model's comparison
        give. Then one dict per epoch, see ``Observer.history``.
    """
    observer = Observer(graphs)
    run = fit(graphs, config, device, progress=False, callback=observer)
    if run.model.comparison.learns:  # last of all
        observer.relevance = {m: w.cpu() for m, w in run.model.relevance.items()}
    measures = observer.measure(run.model)
    measures["best epoch"] = run.best_epoch
    measures["steps"], measures["steps, kept"] = sum(observer.steps), sum(observer.steps[: run.best_epoch])
    measures["valid MRR"] = run.history.get("valid MRR", pd.Series(dtype=float)).max()
    for (embedding, _), row in run.evaluate().iterrows():
        for metric, value in row.items():
            name = metric if embedding == "joint" else f"{metric} {embedding}"
            measures[name] = measures.get(name, 0.0) + float(value) / 2
    for reading, changes in (readings or {}).items():
        found = evaluate_model(run.model, run.graphs.test, config.replace(**changes), only="joint").droplevel(0)
        for metric, both in found.items():
            measures[f"{metric}, {reading}"] = both.mean()
            measures |= {f"{metric}, {reading}, {direction}": value for direction, value in both.items()}
    if "char" in run.model.modalities:
        measures["Hits@1 char, input"] = _untrained(run.graphs, "char", config)
    measures |= run.model.comparison.diagnostics(run.model)
    return {k: None if pd.isna(v) else float(v) for k, v in measures.items()}, observer.history


def _untrained(graphs: GraphPair, modality: str, config: PMFConfig) -> float:
    """Hits@1 of the test pairs by the cosine of input features, mean of both directions."""
    x = graphs.features[modality]
    left, right, rows, columns = candidate_rows(graphs, graphs.test, config.candidates)
    s = Similarities(x[left], x[right], "cosine", config.csls_k, 0)
    return (evaluate_scores(s, rows, columns)["Hits@1"] + evaluate_scores(s.T, columns, rows)["Hits@1"]) / 2


class Observer:
    """What happens to the features while a model trains; it only looks.

    Attributes:
        history: one dict per epoch: thresholds, frozen shares, figures on validation pairs, added pairs and how many of those
            that can be judged are right; where the truth is known, precision and recall of what is frozen.
        steps: gradient steps of each epoch.
    """

    def __init__(self, graphs: GraphPair):
        self.history: list[dict] = []
        self.counterpart = torch.full((graphs.num_nodes,), -1)
        for i, j in ((0, 1), (1, 0)):
            self.counterpart[graphs.pairs[:, i]] = graphs.pairs[:, j]
        self.since: dict[str, Tensor] = {}
        self.seeds, self.steps, self.optimiser = 0, [], None

    def __call__(self, training: Training) -> None:
        keep = ("threshold", "frozen", "valid", "added", "estimate", "false matches", "loss joint")
        row = {k: v for k, v in training.history[-1].items() if k == "epoch" or k.startswith(keep)}
        self._count_steps(training)
        train = training.probation.train.cpu()
        self.added = len(train) - len(training.graphs.train)
        if "added" in row and len(train) > self.seeds:
            added = train[self.seeds :]
            judged = added[(self.counterpart[added] >= 0).any(dim=1)]
            row |= {"judged": len(judged), "correct": int((self.counterpart[judged[:, 0]] == judged[:, 1]).sum())}
        self.seeds = len(training.graphs.train) if training.probation.anew else len(train)
        model = training.model
        graphs, self.relevance = model.graphs, {m: w.cpu().clone() for m, w in model.relevance.items()}
        for m, active in training.model.active.items():
            off = (graphs.mask(m) & ~active).cpu()
            since = self.since.setdefault(m, torch.zeros(len(off), dtype=torch.long))
            since[off & (since == 0)] = training.epoch
            since[~off] = 0  # thawed
            if m in graphs.get("faults", {}):
                row |= self._judge(graphs, m, off)
        self.history.append({k: round(v, 6) for k, v in row.items()})

    def _count_steps(self, training: Training) -> None:
        """The steps of this epoch, by the schedule's counter, which begins anew with each optimiser."""
        if training.optimiser is not self.optimiser:
            self.optimiser, self.counted = training.optimiser, 0
        self.steps.append(training.schedule.last_epoch - self.counted)
        self.counted = training.schedule.last_epoch

    def _judge(self, graphs: GraphPair, m: str, frozen: Tensor) -> dict[str, float]:
        """Precision and recall of freezing, among those who have the feature and a counterpart."""
        bad = ~graphs.relevant[m].cpu()
        known = graphs.mask(m).cpu() & (self.counterpart >= 0)
        hit = int((frozen & bad & known).sum())
        return {
            f"precision {m}": hit / max(1, int((frozen & known).sum())),
            f"recall {m}": hit / max(1, int((bad & known).sum())),
        }

    def measure(self, model: EntityAligner) -> dict[str, float]:
        """How things stand after the last epoch, per modality, among the test pairs of which both sides have the feature.

        * ``frozen m``: share of the features that are frozen, of all entities; of images, with evidence, that would be ;
        * ``correlation m``, ``spread m``: Pearson correlation of the scores of both sides; their standard deviation;
        * ``own cosine m, early``, ``late`` and ``never``: cosine of an entity's input feature to its counterpart's, mean over the
          half of the frozen ones that was frozen first, over the other half, and over the rest; ``order``: its rank
          correlation (Spearman) with the time of freezing. For images, since bags of words share no vocabulary;
        * ``added``, ``precision added``: pairs of iterative learning, and the share of correct ones among those that can be judged;
          ``precision added, worst`` and ``last``: the same in the worst and in the last round;
        * where the truth is known ``AUC m``, ``AUC m, pairs``, ``AUC m, input``: how well the scores, the smaller score of a pair,
          and the best cosine of the input features tell relevant features (pairs) from others; ``precision m``, ``recall m`` of
          what is frozen; and as ``precision m, input`` and so on of those whose best cosine is below the threshold of the best F1.
        """
        graphs, out = model.graphs, {}
        test = graphs.test.cpu()
        last, rounds = self.history[-1], [row for row in self.history if row.get("judged")]
        if rounds:
            out["added"] = self.added
            shares = [row["correct"] / row["judged"] for row in rounds]
            out["precision added"] = sum(row["correct"] for row in rounds) / sum(row["judged"] for row in rounds)
            out |= {"precision added, worst": min(shares), "precision added, last": shares[-1]}
        for m, w in self.relevance.items():
            mask = graphs.mask(m).cpu()
            pairs = test[mask[test].all(dim=1)]
            w_left, w_right = w[pairs[:, 0]], w[pairs[:, 1]]
            out[f"frozen {m}"] = last[f"frozen {m}"]
            out[f"spread {m}"] = float(torch.cat([w_left, w_right]).std())
            out[f"correlation {m}"] = float(torch.corrcoef(torch.stack([w_left, w_right]))[0, 1])
            if m != "image":
                continue
            off = self.since[m] > 0
            if (would := model.comparison.would_freeze(model, m)) is not None:
                off = would.cpu()
                out[f"frozen {m}"] = float(off[mask].float().mean())
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
                tries = [self._judge(graphs, m, alpha < t) for t in alpha[mask].quantile(torch.arange(1, 50) / 50)]
                best = max(tries, key=lambda found: _f1(*found.values()))
                out |= {f"{k}, input": v for k, v in best.items()}
                rows = pairs.ravel()
                out[f"AUC {m}"] = auc(w[rows], good[rows])
                out[f"AUC {m}, input"] = auc(alpha[rows], good[rows])
                out[f"AUC {m}, pairs"] = auc(torch.minimum(w_left, w_right), good[pairs].all(dim=1))
        return out


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(precision + recall, 1e-9)


def auc(score: Tensor, good: Tensor) -> float:
    """Probability that a good one scores higher than another one, ties half; NaN where either kind is missing."""
    if good.all() or not good.any():
        return float("nan")
    return float(roc_auc_score(good.cpu(), score.cpu()))
