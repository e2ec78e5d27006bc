"""Cards: what an experiment asks, how it is run, by which rule it is judged, and what came out.

A card is a YAML file, ``data/cards/NAME.yaml``. Its rules stand there before the runs; its ``results`` are computed from
the table of the runs beside it, ``NAME.csv``.
"""

from __future__ import annotations

from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import yaml
from scipy import stats

from pmf_minimal.config import PRESETS
from pmf_minimal.errors import DataError
from pmf_minimal.experiments.runner import RunSpec, is_synthetic

CARDS = Path(__file__).parent / "cards"
LEVEL = 0.05  # of all comparisons of a claim together
MARGIN = 0.02  # Hits@1 that counts as no difference, unless the card says otherwise
RESULTS = "\n# Computed from the runs; written by `python -m pmf_minimal experiment`.\n"

_SIDE = {"type": ["string", "number"]}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "question", "chapter", "preset", "settings", "datasets", "seeds", "variants", "claims"],
    "properties": {
        "title": {"type": "string"},
        "question": {"type": "string"},
        "chapter": {"type": "string"},
        "preset": {"enum": list(PRESETS)},
        "settings": {"type": "object"},
        "datasets": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "more_datasets": {"type": "array", "items": {"type": "string"}},
        "seeds": {"type": "integer", "minimum": 5},
        "variants": {"type": "object", "additionalProperties": {"type": "object"}, "minProperties": 1},
        "history": {"type": "array", "items": {"type": "string"}},
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["claim", "says", "rule"],
                "properties": {
                    "claim": {"type": "integer", "minimum": 1, "maximum": 11},
                    "says": {"type": "string"},
                    "paper": {"type": "string"},
                    "rule": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "oneOf": [
                                {
                                    "required": ["more", "less"],
                                    "additionalProperties": False,
                                    "properties": {"more": _SIDE, "less": _SIDE, "datasets": {"type": "array"}},
                                },
                                {
                                    "required": ["same"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "same": {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
                                        "within": {"type": "number", "exclusiveMinimum": 0},
                                        "datasets": {"type": "array"},
                                    },
                                },
                            ],
                        },
                    },
                },
            },
        },
        "results": {"type": "object"},
    },
}


def names() -> list[str]:
    """All cards of the book."""
    return sorted(path.stem for path in CARDS.glob("*.yaml"))


def read(card: str | Path) -> dict:
    """A card, by its name in the book or as a file of your own.

    Raises:
        DataError: the file is not there, is no YAML, or does not follow the schema.
    """
    path = Path(card) if str(card).endswith((".yaml", ".yml")) else CARDS / f"{card}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        jsonschema.validate(content, SCHEMA)
    except FileNotFoundError:
        raise DataError(f"{card}: no such card; the book has {', '.join(names())}") from None
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except jsonschema.ValidationError as error:
        place = " > ".join(map(str, error.absolute_path)) or "the card"
        raise DataError(f"{path}: {place}: {error.message}") from None
    return content


def cells(card: dict, more: bool = False) -> list[RunSpec]:
    """The grid of a card.

    Args:
        card: what :func:`read` gives.
        more: also the data sets that take long or need a folder of benchmarks.

    Raises:
        ValueError: a setting that ``PMFConfig`` refuses.
    """
    base = PRESETS[card["preset"]].replace(**_tuples(card["settings"]))
    datasets = card["datasets"] + (card.get("more_datasets", []) if more else [])
    return [
        RunSpec(dataset, variant, base.replace(**_tuples(changes), seed=seed))
        for dataset in datasets
        for variant, changes in card["variants"].items()
        for seed in range(card["seeds"])
        if is_synthetic(dataset) or (card["settings"] | changes).get("scorer") != "oracle"
    ]


def _tuples(settings: dict) -> dict:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def runs(card: str) -> pd.DataFrame:
    """The stored runs of a card of the book: one row per data set, variant and seed."""
    return pd.read_csv(CARDS / f"{card}.csv")


def history(card: str) -> pd.DataFrame:
    """The stored epochs of a card of the book, where it keeps any."""
    return pd.read_csv(CARDS / f"{card}.history.csv")


def summary(table: pd.DataFrame, measure: str = "Hits@1") -> pd.DataFrame:
    """Mean, standard deviation and 95 % interval (Student's t) of a measure over the seeds.

    Returns:
        Rows (dataset, variant) in the table's order; columns mean, std, low, high, n.
    """
    groups = table.dropna(subset=[measure]).groupby(["dataset", "variant"], sort=False)[measure]
    out = groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"})
    half = stats.t.ppf(0.975, out["n"].clip(lower=2) - 1) * out["std"] / np.sqrt(out["n"])
    return out.assign(low=out["mean"] - half, high=out["mean"] + half)[["mean", "std", "low", "high", "n"]]


def differences(table: pd.DataFrame, more: str | float, less: str | float) -> pd.DataFrame:
    """``more`` minus ``less``, seed by seed: mean with its 95 % interval per data set.

    Args:
        table: runs.
        more, less: a variant, for its Hits@1; ``variant | measure``; or a number.

    Returns:
        Rows by dataset; columns mean, std, low, high, n, p (two-sided paired t-test).
    """
    delta = (_side(table, more) - _side(table, less)).dropna()
    rows = {}
    for dataset in table["dataset"].unique():
        d = delta[delta.index.get_level_values("dataset") == dataset].to_numpy()
        mean, std = (d.mean(), d.std(ddof=1)) if len(d) > 1 else (np.nan, np.nan)
        half = stats.t.ppf(0.975, max(1, len(d) - 1)) * std / max(1, len(d)) ** 0.5
        if std > 1e-12:
            p = float(stats.ttest_1samp(d, 0).pvalue)
        else:  # every seed gives the same
            p = 1.0 if np.isnan(mean) or abs(mean) < 1e-12 else 0.0
        rows[dataset] = {"mean": mean, "std": std, "low": mean - half, "high": mean + half, "n": len(d), "p": p}
    return pd.DataFrame(rows).T.rename_axis("dataset")


def _side(table: pd.DataFrame, side: str | float) -> pd.Series:
    rows = table.set_index(["dataset", "seed"])
    if not isinstance(side, str):
        return pd.Series(float(side), index=rows.index.unique())
    variant, _, measure = side.partition(" | ")
    of = rows[rows["variant"] == variant]
    if of.empty or (measure or "Hits@1") not in rows:
        raise DataError(f"a rule speaks of {side!r}, and the runs have no such variant or measure")
    return of[measure or "Hits@1"]


def disagreements(table: pd.DataFrame, stored: pd.DataFrame, measure: str = "Hits@1") -> pd.DataFrame:
    """Cells of both tables whose 95 % intervals of the mean do not overlap.

    Intervals of five seeds can be narrower than what another machine's arithmetic changes, so each is widened by half a point.

    Returns:
        Rows (dataset, variant); columns mean and stored.
    """
    here, there = summary(table, measure).align(summary(stored, measure), join="inner", axis=0)
    apart = (here["low"] - 0.005 > there["high"] + 0.005) | (here["high"] + 0.005 < there["low"] - 0.005)
    return pd.DataFrame({"mean": here["mean"], "stored": there["mean"]})[apart]


def judge(table: pd.DataFrame, claim: dict) -> tuple[str, pd.DataFrame]:
    """Verdict on a claim by its rule.

    Every comparison on every data set is a paired t-test over the seeds; p-values are corrected after Holm for all comparisons of
    the claim. A comparison is *for* the claim if it is significant in the claimed direction, *against* it if it is
    significant in the other, else *open*. ``same`` is for if two one-sided tests put the difference within the margin, and
    against if the 95 % interval lies outside it.

    Args:
        table: runs.
        claim: one of a card's claims.

    Returns:
        ``supported`` (all comparisons are for it), ``not supported`` (none is), else ``partly``; and one row per comparison and data
        set: difference, its 95 % interval, corrected p and outcome.
    """
    rows = []
    for rule in claim["rule"]:
        first, second = rule["same"] if "same" in rule else (rule["more"], rule["less"])
        margin = rule.get("within", MARGIN) if "same" in rule else None
        chosen = table[table["dataset"].isin(rule["datasets"])] if "datasets" in rule else table
        text = f"{first} = {second} ± {margin}" if margin else f"{first} > {second}"
        for dataset, d in differences(chosen, first, second).iterrows():
            if d["n"] < 3:
                continue
            p = d["p"]
            if margin:
                error = max(d["std"], 1e-12) / d["n"] ** 0.5
                p = float(stats.t.sf((margin - abs(d["mean"])) / error, d["n"] - 1))
            rows.append(
                {"comparison": text, "dataset": dataset, "margin": margin, **d[["mean", "low", "high", "n"]], "p": p}
            )
    out = pd.DataFrame(rows)
    if out.empty:
        return "not testable here", out
    order = out["p"].to_numpy().argsort(kind="stable")
    steps = out["p"].to_numpy()[order] * np.arange(len(out), 0, -1)
    out.loc[order, "p"] = np.minimum(1, np.maximum.accumulate(steps))
    small = out["p"] < LEVEL
    if out["margin"].isna().all():
        inside = outside = pd.Series(False, index=out.index)
    else:
        inside = out["margin"].notna() & small
        outside = out["margin"].notna() & ((out["low"] > out["margin"]) | (out["high"] < -out["margin"]))
    directed = out["margin"].isna() & small
    out["outcome"] = "open"
    out.loc[inside | (directed & (out["mean"] > 0)), "outcome"] = "for"
    out.loc[outside | (directed & (out["mean"] < 0)), "outcome"] = "against"
    out = out.drop(columns="margin")
    favour = out["outcome"] == "for"
    return "supported" if favour.all() else "partly" if favour.any() else "not supported", out


def overview(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of :func:`judge`, one line each and a column per data set: difference with its interval, and outcome."""
    words = [f"{r['mean']:+.3f} [{r['low']:+.3f}, {r['high']:+.3f}] {r['outcome']}" for _, r in rows.iterrows()]
    table = rows.assign(words=words).pivot(index="comparison", columns="dataset", values="words")
    order = {axis: list(dict.fromkeys(rows[axis])) for axis in ("comparison", "dataset")}
    return table.loc[order["comparison"], order["dataset"]].fillna("").rename_axis(None, axis=1)


def results(card: dict, table: pd.DataFrame) -> dict:
    """What a card says about its runs: who computed, how long, every cell's Hits@1, every verdict."""
    figures = summary(table).reset_index()
    return {
        "runs": len(table),
        "seeds": int(table["seed"].nunique()),
        "hours of one core": round(float(table["seconds"].sum()) / 3600, 2),
        "machines": sorted(table["machine"].unique().tolist()),
        "versions": sorted(table["versions"].unique().tolist()),
        "Hits@1": [
            {
                "dataset": r["dataset"],
                "variant": r["variant"],
                **{k: round(float(r[k]), 4) for k in ("mean", "std", "low", "high")},
                "n": int(r["n"]),
            }
            for r in figures.to_dict("records")
        ],
        "verdicts": [
            {
                "claim": claim["claim"],
                "verdict": verdict,
                **{k: int((rows["outcome"] == k).sum()) for k in ("for", "against", "open")},
            }
            for claim in card["claims"]
            for verdict, rows in [judge(table, claim)]
        ],
    }


def write(card: str, table: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """Store the runs of a card of the book beside it, and its results in it."""
    content = read(card)
    digits = table.select_dtypes("float").columns.difference([c for c in table if c.startswith("config.")])
    table.round(dict.fromkeys(digits, 4)).to_csv(CARDS / f"{card}.csv", index=False)
    if content.get("history"):
        columns = ["dataset", "variant", "seed", "epoch", *content["history"]]
        epochs = epochs.reindex(columns=columns).dropna(subset=content["history"], how="all")
        epochs.round(4).to_csv(CARDS / f"{card}.history.csv", index=False)
    path = CARDS / f"{card}.yaml"
    head = path.read_text(encoding="utf-8").partition(RESULTS)[0].rstrip("\n") + "\n"
    found = yaml.safe_dump({"results": results(content, runs(card))}, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(head + RESULTS + found, encoding="utf-8")
