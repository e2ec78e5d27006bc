"""The names of what a run measures, so that a rule with a slip of the pen is refused before anything runs."""

from __future__ import annotations

from collections.abc import Iterable

METRICS = ("Hits@1", "Hits@10", "MRR")
DIRECTIONS = ("left to right", "right to left")
STEPS = (
    *(f"{name}{csls}" for name in ("concatenated", "concatenated by trust") for csls in ("", ", CSLS")),
    "kept by both",
    *(f"{name}{csls}" for name in ("full trust", "one guess", "learnt trust") for csls in ("", ", CSLS")),
)


def known(modalities: Iterable[str], readings: Iterable[str] = ()) -> set[str]:
    """Every measure that a run can have, see :func:`diagnostics.train_and_measure`.

    Args:
        modalities: those that the runs use.
        readings: names of the ways in which a trained model is read, see :class:`runner.RunSpec`.
    """
    names = {*METRICS, "best epoch", "steps", "steps, kept", "valid MRR", "seconds"}
    names |= {"added", "precision added", "precision added, worst", "precision added, last"}
    names |= {f"Hits@1, {step}" for step in STEPS}
    for m in modalities:
        names |= {f"{metric} {m}" for metric in METRICS}
        names |= {f"{what} {m}" for what in ("frozen", "spread", "correlation")}
        names |= {f"own cosine {m}, {when}" for when in ("early", "late", "never", "order")}
        names |= {f"{what} {m}{of}" for what in ("AUC", "precision", "recall") for of in ("", ", input")}
        names |= {f"AUC {m}, pairs", f"Hits@1 {m}, input"}
    for name in readings:
        names |= {f"{metric}, {name}{way}" for metric in METRICS for way in ("", *(f", {d}" for d in DIRECTIONS))}
    return names


def known_history(modalities: Iterable[str]) -> set[str]:
    """Every column that the history of a run can have, see :class:`diagnostics.Observer`."""
    names = {
        "added",
        "added correct",
        "judged",
        "correct",
        "loss joint",
        "valid precision",
        "estimate",
        "false matches",
        *(f"valid {metric}" for metric in METRICS),
    }
    return names | {f"{what} {m}" for m in modalities for what in ("threshold", "frozen", "precision", "recall")}


def sides(rule: dict) -> list[str]:
    """What a comparison of a claim speaks of, numbers aside."""
    both = rule["same"] if "same" in rule else (rule["more"], rule["less"])
    return [side for side in both if isinstance(side, str)]


def parse(side: str) -> tuple[str, str]:
    """Variant and measure: ``PMF`` is its Hits@1, ``PMF | frozen image`` another measure."""
    variant, _, measure = side.partition(" | ")
    return variant, measure or "Hits@1"
