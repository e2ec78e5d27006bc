"""Cards: what an experiment asks, how it is run, by which rule it is judged, and what came out.

A card is a YAML file, ``experiments/cards/NAME.yaml``. Its rules stand there before the runs; its ``results`` are computed from
the table of the runs beside it, ``NAME.csv``. This module reads cards and makes the grid of their runs; how they are judged is in
:mod:`judging`, and what is written about them in :mod:`tables`. All three are at hand here.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from pmf_minimal.baselines.registry import find
from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.datasets.files import product
from pmf_minimal.errors import DataError
from pmf_minimal.experiments import measures, tuning
from pmf_minimal.experiments.judging import differences, disagreements, judge, summary
from pmf_minimal.experiments.reading import read_file
from pmf_minimal.experiments.runner import RunSpec, is_synthetic
from pmf_minimal.experiments.tables import (
    CARDS,
    check_store,
    history,
    overview,
    results,
    runs,
    tuning_runs,
    verdicts,
    write,
    write_tuning,
)

__all__ = [
    "CARDS", "cells", "check_store", "configs", "differences", "disagreements", "history", "judge", "names", "overview", "read", "results",
    "runs", "summary", "tuning_cells", "tuning_runs", "untuned", "verdicts", "write", "write_tuning",
]  # fmt: skip

MOST_RUNS = 100_000


def names() -> list[str]:
    """All cards of the book."""
    return sorted(path.stem for path in CARDS.glob("*.yaml"))


def read(card: str | Path) -> dict:
    """A card, by its name in the book or as a file of your own.

    Raises:
        DataError: there is no such card, or it cannot be run and judged as it stands: see :func:`reading.read_file`; a setting is
            none, or a rule speaks of something that no run has. The message names the file and the place.
    """
    path = Path(card) if str(card).endswith((".yaml", ".yml")) else CARDS / f"{card}.yaml"
    if not os.path.exists(path):
        raise DataError(f"{card}: no such card; the book has {', '.join(names())}")
    content = read_file(path)
    try:
        if "tuning" in content:
            content["rates"] = tuning.rates(path)
        _check(content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return content


def cells(card: dict, more: bool = False) -> list[RunSpec]:
    """The grid of a card.

    Args:
        card: what :func:`read` gives.
        more: also the data sets that take long or need a folder of benchmarks.

    Raises:
        DataError: a setting that ``PMFConfig`` refuses.
    """
    readings = {name: _tuples(changes) for name, changes in card.get("readings", {}).items()}
    return [
        RunSpec(
            dataset, variant, _tuned(card, variant, dataset, config.replace(seed=seed)), _split(card, dataset), readings
        )
        for dataset in card["datasets"] + (card.get("more_datasets", []) if more else [])
        for variant, config in configs(card).items()
        for seed in range(card["seeds"])
        if is_synthetic(dataset) or config.scorer != "oracle"
    ]


def _split(card: dict, dataset: str) -> str | None:
    return card.get("splits", {}).get(dataset)


def _tuned(card: dict, variant: str, dataset: str, config: PMFConfig) -> PMFConfig:
    """The configuration with the rate that the card's tuning chose; until it has run, with the first rate of its grid."""
    if "tuning" not in card:
        return config
    return config.replace(lr=card["rates"].get((variant, tuning.family(dataset)), card["tuning"]["lr"][0]))


def tuning_cells(card: dict, more: bool = False) -> list[RunSpec]:
    """The runs by which the rates of a card are chosen, before any grid is extended; see :mod:`tuning`."""
    return tuning.cells(card, configs(card), more)


def untuned(card: dict, more: bool = False) -> list[str]:
    """Variants that no rate has been chosen for yet, each with the family of data sets."""
    if "tuning" not in card:
        return []
    wanted = dict.fromkeys((cell.variant, tuning.family(cell.dataset)) for cell in cells(card, more))
    return [f"{variant} on {family}" for variant, family in wanted if (variant, family) not in card["rates"]]


def configs(card: dict) -> dict[str, PMFConfig]:
    """Variant -> its configuration, before a rate is chosen for it."""
    base = _replace(PRESETS[card["preset"]], "settings", card["settings"])
    return {name: _replace(base, f"variants > {name}", changes) for name, changes in card["variants"].items()}


def _replace(config: PMFConfig, place: str, changes: dict, seed: int = 0) -> PMFConfig:
    """A configuration with changes, once it is sure that a model can have them."""
    if "seed" in changes:
        raise DataError(f"{place}: no seed here; the card's `seeds` says how many random seeds there are")
    try:
        changed = config.replace(**_tuples(changes), seed=seed)
        find(changed.model).resolve_config(changed)
        return changed
    except ValueError as error:
        raise DataError(f"{place}: {error}") from None
    except TypeError as error:  # a number where a list should be, and the like
        raise DataError(f"{place}: {', '.join(changes)}: one of them has a value of the wrong kind ({error})") from None


def _tuples(settings: dict) -> dict:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def _check(card: dict) -> None:
    """All that the form alone does not tell: how many runs there are, settings, and what the rules speak of."""
    _check_number("the card", card["datasets"] + card.get("more_datasets", []), card["variants"], range(card["seeds"]))
    grid = cells(card, more=True)
    for name, changes in card.get("readings", {}).items():
        _replace(PRESETS[card["preset"]], f"readings > {name}", changes)
    if "tuning" in card:
        _check_tuning(card)
    datasets = card["datasets"] + card.get("more_datasets", [])
    for dataset in card.get("splits", {}):
        if dataset not in datasets:
            raise DataError(f"splits > {dataset}: the card has no such data set")
    known = measures.known({m for cell in grid for m in cell.config.modalities}, card.get("readings", {}))
    measure = card.get("measure", "Hits@1")
    if measure not in known:
        raise DataError(f"measure: no run has {measure!r}")
    for name in set(card.get("history", [])) - measures.known_history({m for c in grid for m in c.config.modalities}):
        raise DataError(f"history: no run has {name!r}")
    for number, claim in enumerate(card["claims"]):
        for rule in claim["rule"]:
            place = f"claims > {number} > rule"
            for name in set(rule.get("datasets", [])) - set(datasets):
                raise DataError(f"{place}: the card has no data set {name!r}")
            for side in [*measures.sides(rule), *measures.sides(rule.get("given", rule))]:
                _check_side(place, side, {cell.variant for cell in grid}, card["variants"], known)


def _check_tuning(card: dict) -> None:
    """Refuse a tuning that would choose nothing, or on what is reported."""
    if tuning.number_of_runs(card) > MOST_RUNS:
        raise DataError(f"tuning: {tuning.number_of_runs(card):,} runs, and at most {MOST_RUNS:,} are made")
    if card["seeds"] > tuning.FIRST_SEED:
        raise DataError(f"seeds: random seeds from {tuning.FIRST_SEED} on are for tuning; leave some out")
    for name, changes in {"settings": card["settings"], **card["variants"]}.items():
        if "lr" in changes:
            raise DataError(f"{name}: the rate is chosen by `tuning`; leave out lr")
    tried = {tuning.family(dataset) for dataset in card["tuning"]["datasets"]}
    for dataset in card["datasets"] + card.get("more_datasets", []):
        if tuning.family(dataset) not in tried:
            raise DataError(f"tuning > datasets: none of them is of the family of {dataset}")


def _check_number(place: str, *lists: Collection) -> None:
    """Refuse a grid that could never be run, before it is made."""
    if product([len(values) for values in lists], MOST_RUNS) is None:
        sizes = " x ".join(f"{len(values):,}" for values in lists)
        raise DataError(f"{place}: {sizes} runs, and at most {MOST_RUNS:,} are made; leave some out")


def _check_side(place: str, side: str, run: set[str], variants: dict, known: set[str]) -> None:
    variant, measure = measures.parse(side)
    if variant not in variants:
        raise DataError(f"{place}: the card has no variant {variant!r}; it has {', '.join(variants)}")
    if variant not in run:
        raise DataError(f"{place}: {variant!r} scores by the known truth, which none of the data sets has")
    if measure not in known:
        raise DataError(f"{place}: no run has {measure!r}; measures are {', '.join(sorted(known))}")
