"""What is stored of an experiment and written about it: the runs beside their card, the results in it, tables for people."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError
from pmf_minimal.experiments import measures, tuning
from pmf_minimal.experiments.judging import by_world, judge, summary
from pmf_minimal.experiments.reading import read_file
from pmf_minimal.runs.files import write_text

with extra("experiments"):
    import yaml

CARDS = Path(__file__).parent / "cards"
RESULTS = "\n# Computed from the runs; written by `python -m pmf_minimal experiment`.\n"


def runs(card: str) -> pd.DataFrame:
    """The stored runs of a card of the book: one row per data set, variant and random seed."""
    return pd.read_csv(CARDS / f"{card}.csv")


def history(card: str) -> pd.DataFrame:
    """The stored epochs of a card of the book, where it keeps any."""
    return pd.read_csv(CARDS / f"{card}.history.csv")


def tuning_runs(card: str) -> pd.DataFrame:
    """The stored tuning of a card of the book, where it keeps any: data set, variant, random seed, rate, validation MRR."""
    return pd.read_csv(tuning.file_of(CARDS / f"{card}.yaml"))


def overview(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of :func:`judge`, one line each and a column per data set: difference with its interval, and outcome."""
    words = [f"{r['mean']:+.3f} [{r['low']:+.3f}, {r['high']:+.3f}] {r['outcome']}" for _, r in rows.iterrows()]
    table = rows.assign(words=words).pivot(index="comparison", columns="dataset", values="words")
    order = {axis: list(dict.fromkeys(rows[axis])) for axis in ("comparison", "dataset")}
    return table.loc[order["comparison"], order["dataset"]].fillna("").rename_axis(None, axis=1)


def verdicts(card: dict, table: pd.DataFrame) -> list[tuple[dict, str, pd.DataFrame]]:
    """Every claim of a card with its verdict and comparisons, see :func:`judge`.

    A measure that none of the runs has, such as how well faults are told where none are known, is not testable.
    """
    asked = {measures.parse(side)[1] for c in card["claims"] for rule in c["rule"] for side in measures.sides(rule)}
    table = table.assign(**{measure: np.nan for measure in asked if measure not in table})
    return [(claim, *judge(table, claim)) for claim in card["claims"]]


def results(card: dict, table: pd.DataFrame) -> dict:
    """What a card says about its runs: who computed, how long, the measure of every cell, every verdict."""
    measure = card.get("measure", "Hits@1")
    figures = summary(table, measure).reset_index()
    return {
        "runs": len(table),
        "seeds": int(table["seed"].nunique()),
        "hours of one core": round(float(table["seconds"].sum()) / 3600, 2),
        "machines": sorted(table["machine"].dropna().unique().tolist()),
        "versions": sorted(table["versions"].dropna().unique().tolist()),
        **({"gradient steps": _steps(table)} if "steps" in table else {}),
        **({"rates": _rates(card)} if "tuning" in card else {}),
        measure: [
            {
                "dataset": r["dataset"],
                "variant": r["variant"],
                **{k: _rounded(r[k]) for k in ("mean", "std", "low", "high")},
                "n": int(r["n"]),
            }
            for r in figures.to_dict("records")
        ],
        "verdicts": [
            {
                "claim": claim["claim"],
                "verdict": verdict,
                **{
                    k: int((rows["outcome"] == k).sum()) if len(rows) else 0 for k in ("for", "against", "open", "moot")
                },
                "worlds": by_world(rows).round(4).to_dict("records") if len(rows) else [],
            }
            for claim, verdict, rows in verdicts(card, table)
        ],
    }


def _steps(table: pd.DataFrame) -> list[dict]:
    """The gradient steps that the runs on each data set made, and those up to the epoch that was kept."""
    groups = table.groupby("dataset", sort=False)
    return [
        {"dataset": name, "made": [int(d["steps"].min()), int(d["steps"].max())],
         "kept": [int(d["steps, kept"].min()), int(d["steps, kept"].max())]}
        for name, d in groups
    ]  # fmt: skip


def _rates(card: dict) -> list[dict]:
    """The rates that tuning chose."""
    return [{"variant": v, "family": f, "lr": lr} for (v, f), lr in card["rates"].items()]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def write_tuning(card: str, table: pd.DataFrame) -> None:
    """Store the runs that chose a card's rates beside it; stored runs of other families of data sets stay."""
    file = tuning.file_of(CARDS / f"{card}.yaml")
    columns = ["dataset", "variant", "config.lr", "seed", "valid MRR", "best epoch", "seconds", "machine", "versions"]
    table = _four_digits(table.reindex(columns=columns))
    if os.path.exists(file):
        old = pd.read_csv(file)
        table = pd.concat(
            [old[~old["dataset"].map(tuning.family).isin(set(table["dataset"].map(tuning.family)))], table]
        )
    write_text(file, table.to_csv(index=False))


def write(card: str, table: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """Store the runs of a card of the book beside it, and its results in it.

    Raises:
        DataError: the stored runs have data sets that these lack, which would be lost; or there is no room.
    """
    path = CARDS / f"{card}.yaml"
    content = read_file(path)
    table = _four_digits(table)
    check_store(card, set(table["dataset"]))
    head = path.read_text(encoding="utf-8").partition(RESULTS)[0].rstrip("\n") + "\n"
    write_text(CARDS / f"{card}.csv", table.to_csv(index=False))
    if content.get("history"):
        columns = ["dataset", "variant", "seed", "epoch", *content["history"]]
        epochs = epochs.reindex(columns=columns).dropna(subset=content["history"], how="all")
        write_text(CARDS / f"{card}.history.csv", epochs.round(4).to_csv(index=False))
    if "tuning" in content:
        content["rates"] = tuning.rates(path)
    found = yaml.safe_dump({"results": results(content, runs(card))}, sort_keys=False, allow_unicode=True, width=120)
    write_text(path, head + RESULTS + found)


def check_store(card: str, datasets: set[str] | None) -> None:
    """Refuse to replace stored runs by fewer.

    Args:
        card: name of the card.
        datasets: those that were run; None where no such runs are replaced.

    Raises:
        DataError: there is no such card in the book, or its stored runs have data sets that are not among these.
    """
    if not os.path.exists(CARDS / f"{card}.yaml"):
        raise DataError(f"{card}: only the runs of the book's own cards can be stored; leave out --store")
    if datasets is not None and os.path.exists(CARDS / f"{card}.csv"):
        lost = set(runs(card)["dataset"]) - datasets
        if lost:
            raise DataError(
                f"{card}: the stored runs on {', '.join(sorted(lost))} would be lost; run those too (--more)"
            )


def _four_digits(table: pd.DataFrame) -> pd.DataFrame:
    """Measures with four digits, settings as they are."""
    measured = [c for c in table.select_dtypes("float") if not c.startswith("config.")]
    return table.round(dict.fromkeys(measured, 4))
