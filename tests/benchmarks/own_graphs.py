"""How well graphs of one's own are aligned, and how honest the estimates are: a table over pairs of graphs and draws of known pairs.

    python tests/benchmarks/own_graphs.py FOLDER [PAIR …] [--json FILE]

FOLDER holds one folder for each pair: ``left`` and ``right`` (a file of any ending, or a folder), perhaps ``left-NAME.npz`` and
``right-NAME.npz`` (features), and ``truth.csv`` (columns left and right). Known pairs are 0, 30 and 100 of the truth (10 where it has fewer
than 60), drawn three times. Printed are, for the matches that are kept and were not given, F1, F1 without known pairs among the same
entities (what is not given is another part of the truth in each draw, so rows of one pair of graphs cannot be compared with each other), the
estimated precision with its interval, the true precision, and F1 of a baseline: mutual nearest by TF-IDF of pieces of words. Matches of which
``truth.csv`` knows neither entity are not judged.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal import own
from pmf_minimal.errors import DataError
from pmf_minimal.own import candidates, words

DRAWS = 3
ASKED = 0.9


def read_pair(folder):
    """Both graphs, with their features, and the true pairs."""
    sides = []
    for word in ("left", "right"):
        path = next(p for p in sorted(folder.iterdir()) if p.stem == word)
        tables = own.read_graph(path)
        for file in sorted(folder.glob(f"{word}-*.npz")):
            name = file.stem.removeprefix(f"{word}-")
            tables.features = {**tables.features, name: own.read_features(file)}
        sides.append(tables)
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    ids = set(sides[1].entities())
    if not truth["right"].isin(ids).any():  # a list that counts the graphs where the file does not
        truth["right"] = truth["right"].str.replace("restaurant2-", "restaurant1-")
    known = truth["left"].isin(set(sides[0].entities())) & truth["right"].isin(ids)
    return sides, truth[known].reset_index(drop=True)


def judged(matches, truth, given):
    """Right and judged matches among those that were not given, and how many could be found."""
    new = matches[~matches["known"]]
    new = new[new["left_uri"].isin(truth["left"]) | new["right_uri"].isin(truth["right"])]
    wanted = set(truth.itertuples(index=False, name=None)) - given
    right = len(wanted & set(zip(new["left_uri"], new["right_uri"], strict=True)))
    return right, len(new), len(wanted)


def among_the_rest(matches, given):
    """The matches of entities that are in no given pair, as if not one were known."""
    ours = [matches[side].isin({pair[k] for pair in given}) for k, side in enumerate(("left_uri", "right_uri"))]
    return matches[~(ours[0] | ours[1])].assign(known=False)


def f1(right, found, wanted):
    return 2 * right / max(found + wanted, 1)


def baseline(alignment, truth):
    """F1 of mutual nearest by names, or by all that is said, whichever is better, at threshold 0 or .6."""
    graphs, best = alignment.graphs, 0.0
    for texts in ([[" ".join(map(words.fold, n)) for n in g.names] for g in graphs], [_all(g) for g in graphs]):
        left, right = words.vectors(*texts)
        if not (left.nnz and right.nnz):
            continue
        i, j = candidates.nearest(left, right, 5)
        score = candidates.products(left, right, i, j)
        one = pd.DataFrame({"i": i, "j": j, "s": score}).sort_values("s", ascending=False, kind="stable")
        mutual = one[~one.duplicated("i") & ~one.duplicated("j")]
        for least in (0.0, 0.6):
            some = mutual[mutual["s"] > least]
            found = pd.DataFrame(
                {"left_uri": [graphs[0].ids[k] for k in some["i"]], "right_uri": [graphs[1].ids[k] for k in some["j"]]}
            ).assign(known=False)
            best = max(best, f1(*judged(found, truth, set())))
    return best


def _all(graph):
    said = [list(map(words.fold, names)) for names in graph.names]
    for i, value in zip(graph.values["entity"], graph.values["value"], strict=True):
        said[i].append(words.fold(value))
    return [" ".join(some) for some in said]


def rows_of(folder):
    """One dict for each number of known pairs and draw."""
    sides, truth = read_pair(folder)
    base = none = None
    for count in (0, 30, 100) if len(truth) >= 60 else (0, 10):
        if count > len(truth) / 2:
            continue
        for draw in range(DRAWS if count else 1):
            order = np.random.default_rng(draw).permutation(len(truth))[:count]
            given = set(truth.iloc[order].itertuples(index=False, name=None))
            start = time.perf_counter()
            try:
                alignment = own.align(*sides, list(given) or None, precision=ASKED, progress=False)
            except DataError as error:  # links alone, and no known pair
                print(f"{folder.name:20} {count:5} {draw:4} {error}")
                continue
            seconds = time.perf_counter() - start
            base = baseline(alignment, truth) if base is None else base
            none = alignment.kept if not count else none
            right, found, wanted = judged(alignment.kept, truth, given)
            best = alignment.matches[~alignment.matches["known"]]
            ranked = judged(best, truth, given)
            at = alignment.thresholds[alignment.thresholds["precision"] >= ASKED]
            estimate = at.iloc[-1] if len(at) else None
            low, high, stated = (
                (estimate["precision_low"], estimate["precision_high"], estimate["precision"])
                if found and estimate is not None
                else (np.nan,) * 3
            )
            true = right / found if found else np.nan
            yield {
                "pair": folder.name, "known": count, "draw": draw, "F1": f1(right, found, wanted), "baseline": base,
                "none": np.nan if none is None else f1(*judged(among_the_rest(none, given), truth, given)),
                "recall": right / max(wanted, 1), "judged": found, "estimate": stated, "low": low, "high": high,
                "true": true, "inside": bool(low <= true <= high) if found else None,
                "all F1": f1(*ranked), "all right": ranked[0] / max(ranked[1], 1), "s": seconds,
            }  # fmt: skip


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("pairs", nargs="*")
    arguments.add_argument("--json", type=Path)
    asked = arguments.parse_args()
    folders = [f for f in sorted(asked.folder.iterdir()) if (f / "truth.csv").exists()]
    rows = []
    print(
        "pair                 known draw    F1  none  base recall judged  est.  low high  true in  all: F1 right      s"
    )
    for folder in folders:
        if asked.pairs and folder.name not in asked.pairs:
            continue
        for row in rows_of(folder):
            rows.append(row)
            print(
                f"{row['pair']:20} {row['known']:5} {row['draw']:4} {row['F1']:5.2f} {row['none']:5.2f} {row['baseline']:5.2f} {row['recall']:6.2f} "
                f"{row['judged']:6} {row['estimate']:5.2f} {row['low']:4.2f} {row['high']:4.2f} {row['true']:5.2f} "
                f"{'-' if row['inside'] is None else 'yes' if row['inside'] else 'NO':3} {row['all F1']:7.2f} {row['all right']:5.2f} "
                f"{row['s']:6.1f}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(rows))
    kept = [row for row in rows if row["inside"] is not None]
    print(
        f"{sum(row['inside'] for row in kept)} of {len(kept)} intervals hold the true value; least true precision "
        f"{min((row['true'] for row in kept), default=np.nan):.2f}; {sum(row['F1'] < row['baseline'] - 5e-3 for row in rows)} "
        f"of {len(rows)} below the baseline"
    )


if __name__ == "__main__":
    main()
