"""What the preset ``recommended`` reaches beside what it was before, on graphs with and without pictures.

``python tests/benchmarks/recommended.py FOLDER >> pmf_minimal/experiments/stored/recommended.csv`` (of the benchmarks) writes one row a run;
``--header`` writes the first line. ``--datasets``, ``--variants`` and ``--seeds`` choose some, since the large ones take minutes each.

The model and the length of a training were chosen by validation pairs of single runs, and by the time that a run takes. Sinkhorn's plan
was not: it was taken after figures on test pairs of DBP15K ZH-EN had been seen with it and without. No rule was written before these runs.
DBP15K has no pictures here, and only structure and relations of it are used.
"""

import argparse
import resource
import time

from pmf_minimal import fit, load
from pmf_minimal.config import PRESETS
from pmf_minimal.scale.evaluation import evaluate_model

DATASETS = {
    "emoji/fr_en": {}, "emoji/ja_en": {}, "emoji/zh_en": {}, "emoji/de_en": {}, "synthetic/clean": {}, "synthetic/foreign": {},
    "dbp15k/zh_en": {"modalities": ("structure", "relation")},
}  # fmt: skip
#: The preset until version 0.2, as it differs from today's.
BEFORE = {
    "model": "pmf",
    "matching": "greedy",
    "dim": 300,
    "batch_size": 1000,
    "epochs": 60,
    "evaluate_every": 5,
    "iterative_epochs": 30,
}
VARIANTS = {
    "evidence, as before": BEFORE,
    "mixture": {},
    "mixture, no pairs of its own": {"iterative_epochs": 0},
}
READINGS = {
    "CSLS": {"matching": "greedy"}, "CSLS, all candidates": {"matching": "greedy", "candidates": "all"},
    "CSLS twice": {"matching": "greedy", "csls_rounds": 2}, "Sinkhorn": {}, "Sinkhorn, all candidates": {"candidates": "all"},
}  # fmt: skip
COLUMNS = (
    "dataset", "variant", "random seed", "valid MRR", "epoch", *(f"Hits@1, {reading}" for reading in READINGS), "rounds with pairs", "added", "precision", "precision, worst",
    "estimate", "seconds", "cpu seconds", "GB",
)  # fmt: skip


def one_run(name, variant, seed, root):
    """A row of the table."""
    graphs = load(name, root, seed=seed)
    wall, cpu = time.perf_counter(), time.process_time()
    run = fit(graphs, PRESETS["recommended"], seed=seed, progress=False, **DATASETS[name] | VARIANTS[variant])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    hits = [
        evaluate_model(run.model, run.graphs.test, run.config.replace(**changes), only="joint")["Hits@1"].mean()
        for changes in READINGS.values()
    ]
    rounds = run.history.dropna(subset=["added"]) if "added" in run.history else run.history[:0]
    rounds = rounds[rounds.get("added", 0) > 0] if len(rounds) else rounds
    nothing = float("nan")
    right = rounds["added correct"] / rounds["judged"] if len(rounds) else []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        name, variant, seed, run.history["valid MRR"].max(), run.best_epoch, *hits, len(rounds),
        int(rounds["added"].iloc[-1]) if len(rounds) else 0, right.iloc[-1] if len(rounds) else nothing,
        right.min() if len(rounds) else nothing, rounds["estimate"].iloc[-1] if len(rounds) else nothing, wall, cpu, peak,
    )  # fmt: skip


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", help="of the benchmarks")
    ask.add_argument("--header", action="store_true")
    ask.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS)
    ask.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    ask.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = ask.parse_args()
    if given.header:
        print(*(f'"{name}"' if "," in name else name for name in COLUMNS), sep=",")
    for name in given.datasets:
        for seed in given.seeds:
            for variant in given.variants:
                row = one_run(name, variant, seed, given.folder)
                cells = [f'"{x}"' if isinstance(x, str) and "," in x else x for x in row]
                print(*(f"{x:.5g}" if isinstance(x, float) else x for x in cells), sep=",", flush=True)


if __name__ == "__main__":
    main()
