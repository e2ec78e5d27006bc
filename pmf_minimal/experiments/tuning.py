"""A learning rate for each variant: tried on data that no figure is reported on, chosen by validation pairs alone.

A card names at least four rates, data sets of each family, and a number of splits. The splits are drawn with random seeds from
:data:`FIRST_SEED` on, which no reported run has. Within a family (``emoji``, ``synthetic``, ``openea``, ``dbp15k``) a variant gets the
rate with the highest mean validation MRR. While that is the smallest or the largest rate tried, further ones are added.
"""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import pandas as pd

from pmf_minimal.config import PMFConfig
from pmf_minimal.experiments.runner import RunSpec, is_synthetic

FIRST_SEED = 100  # reported runs have the random seeds 0, 1, ...
RATES = (1e-6, 10.0)  # no grid is extended beyond


def family(dataset: str) -> str:
    """What a data set has in common with others: the part of its name before the slash."""
    return dataset.partition("/")[0]


def cells(card: dict, configs: dict[str, PMFConfig], more: bool = False) -> list[RunSpec]:
    """The runs that choose the rates of a card.

    Args:
        card: one with ``tuning``, see ``cards.read``.
        configs: variant -> its configuration, whatever its rate.
        more: also the families of the data sets that take long.
    """
    families = {family(d) for d in card["datasets"] + (card.get("more_datasets", []) if more else [])}
    variants = [(v, f, lr) for v in configs for f in sorted(families) for lr in card["tuning"]["lr"]]
    return _cells(card, configs, variants)


def _cells(card: dict, configs: dict[str, PMFConfig], points: list[tuple[str, str, float]]) -> list[RunSpec]:
    return [
        RunSpec(dataset, variant, configs[variant].replace(lr=lr, seed=FIRST_SEED + k), may_diverge=True)
        for variant, wanted, lr in points
        for dataset in card["tuning"]["datasets"]
        if family(dataset) == wanted and (is_synthetic(dataset) or configs[variant].scorer != "oracle")
        for k in range(card["tuning"]["seeds"])
    ]


def extension(card: dict, configs: dict[str, PMFConfig], table: pd.DataFrame) -> list[RunSpec]:
    """Runs with the next rate, for each variant and family whose best is the first or the last of its rates; none when all lie inside."""
    rates = sorted(card["tuning"]["lr"])
    ratio = (rates[-1] / rates[0]) ** (1 / (len(rates) - 1))
    points = []
    for (variant, name), row in chosen(table).iterrows():
        if row["edge"]:
            lr = float(f"{row['lr'] * (ratio if row['lr'] == row['largest'] else 1 / ratio):.3g}")
            points += [(variant, name, lr)] if RATES[0] <= lr <= RATES[1] else []
    return _cells(card, configs, points)


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """What the runs of a tuning say.

    Args:
        table: its runs, with the columns dataset, variant, config.lr and valid MRR.

    Returns:
        Rows (variant, family); columns lr (with the best mean), valid MRR (that mean), smallest, largest (rates that were tried) and edge,
        whether the best is one of those two.
    """
    table = table.assign(family=table["dataset"].map(family))
    rows = {}
    for key, runs in table.groupby(["variant", "family"], sort=False):
        mean = runs.groupby("config.lr")["valid MRR"].mean()
        best, smallest, largest = mean.idxmax(), mean.index.min(), mean.index.max()
        rows[key] = {
            "lr": best,
            "valid MRR": mean.max(),
            "smallest": smallest,
            "largest": largest,
            "edge": best in (smallest, largest),
        }
    return pd.DataFrame(rows).T.rename_axis(["variant", "family"]).infer_objects()


def file_of(card: Path) -> Path:
    """Where the tuning runs of a card are stored: beside it."""
    return card.with_suffix(".tuning.csv")


def rates(card: Path) -> dict[tuple[str, str], float]:
    """(variant, family) -> chosen rate, from the runs stored beside a card; empty where there are none."""
    file = file_of(card)
    return chosen(pd.read_csv(file))["lr"].astype(float).to_dict() if os.path.exists(file) else {}


def number_of_runs(card: dict) -> int:
    """How many runs the tuning has before any grid is extended, at most."""
    tuning = card["tuning"]
    return prod([len(tuning["datasets"]), len(card["variants"]), tuning["seeds"], len(tuning["lr"])])
