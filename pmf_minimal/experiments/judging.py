"""Verdicts: how runs are summed up, compared, and judged by the rule of a claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError
from pmf_minimal.experiments.measures import parse

with extra("experiments"):
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.weightstats import DescrStatsW

LEVEL = 0.05  # of all comparisons of a claim together
MARGIN = 0.02  # Hits@1 that counts as no difference, unless the card says otherwise
ROUNDING = 0.005  # what another machine's arithmetic may change beyond an interval
SINGLE = 0.03  # the same for a single run, which has no interval
CONSTANT = 1e-12  # a standard deviation below this is none


def summary(table: pd.DataFrame, measure: str = "Hits@1") -> pd.DataFrame:
    """Mean, standard deviation and 95 % interval (Student's t) of a measure over the repeats.

    Returns:
        Rows (dataset, variant) in the table's order; columns mean, std, low, high, n; of a single run only mean and n.
    """
    groups = table.dropna(subset=[measure]).groupby(["dataset", "variant"], sort=False)[measure]
    out = groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"})
    half = stats.t.ppf(0.975, out["n"].clip(lower=2) - 1) * out["std"] / np.sqrt(out["n"])
    return out.assign(low=out["mean"] - half, high=out["mean"] + half)[["mean", "std", "low", "high", "n"]]


def differences(table: pd.DataFrame, more: str | float, less: str | float) -> pd.DataFrame:
    """``more`` minus ``less``, repeat by repeat: mean with its 95 % interval per data set.

    Args:
        table: runs.
        more, less: a variant, for its Hits@1; ``variant | measure``; or a number.

    Returns:
        Rows by dataset; columns mean, std, low, high, n, p (two-sided paired t-test).

    Raises:
        DataError: the runs have no such variant or measure.
    """
    rows = {dataset: _mean_difference(d) for dataset, d in _differences(table, more, less).items()}
    return pd.DataFrame(rows).T.rename_axis("dataset")


def _differences(table: pd.DataFrame, more: str | float, less: str | float) -> dict[str, np.ndarray]:
    """Data set -> the difference of each repeat that has both sides."""
    delta = (_side(table, more) - _side(table, less)).dropna()
    datasets = delta.index.get_level_values("dataset")
    return {dataset: delta[datasets == dataset].to_numpy() for dataset in table["dataset"].unique()}


def _mean_difference(d: np.ndarray) -> dict[str, float]:
    """Mean of some differences, its interval, and the p-value of its being zero."""
    n = len(d)
    if n < 2:
        return {"mean": np.nan, "std": np.nan, "low": np.nan, "high": np.nan, "n": n, "p": 1.0}
    mean, std = d.mean(), d.std(ddof=1)
    if std <= CONSTANT:  # every repeat gives the same
        return {"mean": mean, "std": std, "low": mean, "high": mean, "n": n, "p": float(abs(mean) < CONSTANT)}
    test = stats.ttest_1samp(d, 0)
    low, high = test.confidence_interval(0.95)
    return {"mean": mean, "std": std, "low": low, "high": high, "n": n, "p": test.pvalue}


def _side(table: pd.DataFrame, side: str | float) -> pd.Series:
    rows = table.set_index(["dataset", "seed"])
    if not isinstance(side, str):
        return pd.Series(float(side), index=rows.index.unique())
    variant, measure = parse(side)
    of = rows[rows["variant"] == variant]
    if of.empty or measure not in rows:
        raise DataError(f"a rule speaks of {side!r}, and the runs have no such variant or measure")
    return of[measure]


def disagreements(table: pd.DataFrame, stored: pd.DataFrame, measure: str = "Hits@1") -> pd.DataFrame:
    """Cells of both tables whose 95 % intervals of the mean do not overlap.

    Intervals of five repeats can be narrower than what another machine's arithmetic changes, so each is widened by half a point;
    a single run, which has no interval, by three points.

    Returns:
        Rows (dataset, variant); columns mean and stored.
    """
    here, there = summary(table, measure).align(summary(stored, measure), join="inner", axis=0)
    widths = [(t["high"] - t["mean"] + ROUNDING).fillna(SINGLE / 2) for t in (here, there)]
    apart = (here["mean"] - there["mean"]).abs() > widths[0] + widths[1]
    return pd.DataFrame({"mean": here["mean"], "stored": there["mean"]})[apart]


def judge(table: pd.DataFrame, claim: dict) -> tuple[str, pd.DataFrame]:
    """Verdict on a claim by its rule.

    Every comparison on every data set is a paired t-test over the repeats; p-values are corrected after Holm for all comparisons of
    the claim. A comparison is *for* the claim if it is significant in the claimed direction, *against* it if it is
    significant in the other, else *open*. ``same`` is for if two one-sided tests put the difference within the margin, and
    against if the 95 % interval lies outside it. A comparison with a ``given`` counts only where that other comparison came out in its
    own direction (its raw interval is above zero); elsewhere it is *moot*: which of two parts matters more says nothing where neither
    matters.

    Data sets made from the same graphs are one *world*, see :func:`by_world`: their comparisons are not independent.

    Args:
        table: runs.
        claim: one of a card's claims.

    Returns:
        ``supported``: in every world every comparison is for the claim. ``contradicted``: some are against it and none is for it.
        ``not testable here``: there is nothing to compare. Else ``mixed``. And one row per comparison and data set: difference, its 95 %
        interval, corrected p and outcome.
    """
    out = pd.DataFrame(_comparisons(table, claim))
    if out.empty:
        return "not testable here", out
    out["p"] = multipletests(out["p"], method="holm")[1]
    small, margin = out["p"] < LEVEL, out["margin"].astype(float)
    directed = margin.isna()
    out["outcome"] = "open"
    out.loc[small & (~directed | (out["mean"] > 0)), "outcome"] = "for"
    outside = (out["low"] > margin) | (out["high"] < -margin)  # never where there is no margin
    out.loc[outside | (directed & small & (out["mean"] < 0)), "outcome"] = "against"
    out.loc[~out["counts"], "outcome"] = "moot"
    found = set(by_world(out)["outcome"]) - {"moot"}
    if found == {"for"}:
        verdict = "supported"
    else:
        verdict = "contradicted" if "against" in found and not found & {"for", "both"} else "mixed"
    return verdict, out.drop(columns=["margin", "counts"])


def world(dataset: str) -> str:
    """The graphs behind a data set: all emoji pairs share the English graph, and faults leave a graph as it is."""
    return dataset.partition("/")[0]


def by_world(rows: pd.DataFrame) -> pd.DataFrame:
    """What :func:`judge` found, one row per comparison and world.

    Returns:
        Columns comparison, world, datasets (how many), mean (of the differences over its data sets), least and most (of them), and
        outcome: ``for`` where at least one data set is for the claim and none against, ``against`` likewise, ``both`` where there are
        both, else ``open``, or ``moot`` where no data set counts.
    """
    out = []
    for (comparison, name), some in rows.groupby(["comparison", rows["dataset"].map(world)], sort=False):
        kinds = set(some["outcome"])
        favour, against = "for" in kinds, "against" in kinds
        outcome = "both" if favour and against else "for" if favour else "against" if against else None
        outcome = outcome or ("moot" if kinds == {"moot"} else "open")
        means = {"mean": some["mean"].mean(), "least": some["mean"].min(), "most": some["mean"].max()}
        out.append({"comparison": comparison, "world": name, "datasets": len(some), **means, "outcome": outcome})
    return pd.DataFrame(out)


def _comparisons(table: pd.DataFrame, claim: dict) -> list[dict]:
    """A row for each comparison on each data set that at least three repeats allow; p not yet corrected."""
    rows = []
    for rule in claim["rule"]:
        first, second = rule["same"] if "same" in rule else (rule["more"], rule["less"])
        margin = rule.get("within", MARGIN) if "same" in rule else None
        chosen = table[table["dataset"].isin(rule["datasets"])] if "datasets" in rule else table
        text = f"{first} = {second} ± {margin}" if margin else f"{first} > {second}"
        given = _differences(chosen, rule["given"]["more"], rule["given"]["less"]) if "given" in rule else {}
        for dataset, d in _differences(chosen, first, second).items():
            if len(d) >= 3:
                counts = dataset not in given or _mean_difference(given[dataset])["low"] > 0
                found = _mean_difference(d)
                p = _p_same(d, margin) if margin else found["p"]
                found = {k: found[k] for k in ("mean", "low", "high", "n")}
                rows.append(
                    {"comparison": text, "dataset": dataset, "margin": margin, **found, "p": p, "counts": counts}
                )
    return rows


def _p_same(d: np.ndarray, margin: float) -> float:
    """Two one-sided t-tests (Schuirmann 1987) of the mean lying within the margin."""
    if d.std(ddof=1) <= CONSTANT:
        return float(abs(d.mean()) >= margin)
    return float(DescrStatsW(d).ttost_mean(-margin, margin)[0])
