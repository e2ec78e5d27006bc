"""Alignments that no run has made, and what their entities are: to see what a report shows of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from pmf_minimal.own.report import Subject

ESTIMATES = ["threshold", "matches", "precision", "precision_low", "precision_high", "recall"]

#: What a label must not be able to do in a page, in a table or to the text around it.
HOSTILE = (
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "<!-- <script> \"quotes\" 'and' &amp; {{more}} ${data}",
    "\u202eright to left\u2066\u200f, شماره ۵",
    "line\u2028paragraph\u2029bell\x07escape\x1b[31m\nnext",
    '=HYPERLINK("http://example.org")',
    "\ud800 surrogate",
    "__proto__",
)


def alignment(n=40, n_known=10, names=(), probability=True, thresholds=9):
    """n matches of entities ``l/i`` and ``r/i``, the first of them known; the surest first, every other modality against."""
    rng = np.random.default_rng(0)
    score = np.r_[rng.normal(8, 1, n_known), np.sort(rng.normal(2, 3, n - n_known))[::-1]].astype(np.float32)
    name = [*names, *(f"entity {i}" for i in range(len(names), n))]
    parts = np.stack([0.7 * score, 0.5 * score, -0.2 * score], axis=1)
    matches = pd.DataFrame(
        {"left_uri": [f"http://l/{i}" for i in range(n)], "left_name": name}
        | {"right_uri": [f"http://r/{i}" for i in range(n)], "right_name": [f"{word} too" for word in name]}
        | {"known": np.arange(n) < n_known, "score": score}
        | ({"probability": 1 / (1 + np.exp(-score))} if probability else {})
        | {"evidence": parts.sum(axis=1)}
        | {f"from {m}": parts[:, k] for k, m in enumerate(("char", "image", "structure"))}
        | {"precision": np.clip(0.6 + score / 20, 0, 1)}
    )
    at = np.linspace(6, -2, thresholds)
    precision = np.linspace(1, 0.6, thresholds)
    steps = {"threshold": at, "matches": [int((score >= t).sum()) for t in at], "precision": precision}
    steps |= {"precision_low": precision - 0.1, "precision_high": precision.clip(None, 0.95) + 0.05}
    steps |= {"recall": np.linspace(0.2, 0.9, thresholds)}
    table = pd.DataFrame(steps, columns=ESTIMATES)
    least = table["threshold"][table["precision"] >= 0.9].min() if thresholds else np.inf
    return SimpleNamespace(
        precision=0.9,
        matches=matches,
        kept=matches[matches["known"] | (matches["score"] >= least)],
        thresholds=table,
    )


def describe(side, uri):
    """Two attributes that the sides have in common, under names of their own, and one that only the left has."""
    i = int(uri.rsplit("/", 1)[1])
    age, name = ("age", "name") if side == "left" else ("years", "title")
    return {f"http://{side}/{age}": [str(i)], f"http://{side}/{name}": [f"number {i} of them"]} | (
        {"http://left/only": ["this side"]} if side == "left" else {}
    )


def subject(describe=describe, title="left.ttl and right.ttl", notes=("a note",), **more):
    """What such an alignment is about."""
    return Subject(title, (45, 47), notes, describe, **more)
