"""What wrong seeds cost: a share of the seeds and validation pairs swap their right entities, and a model learns from them.

``python tests/benchmarks/wrong_seeds.py > pmf_minimal/experiments/stored/wrong_seeds.csv`` writes one row a run of the mixture. With the
folder of the benchmarks and ``dbp15k/zh_en`` as further arguments it is one run each of propagation on that pair, which takes minutes.
"""

import sys
from unittest.mock import patch

import torch

from pmf_minimal import EntityAligner, fit, load
from pmf_minimal.baselines.registry import find
from pmf_minimal.datasets.faults import replace_seeds

DATASETS = ("synthetic/foreign",)
SHARES = (0.0, 0.2, 0.5)
SEEDS = 3
SETTINGS = {
    "model": "mixture", "dim": 64, "epochs": 12, "batch_size": 250, "evaluate_every": 4, "lr": 0.01, "iterative_epochs": 4, "iterative_every": 2,
    "matching": "greedy",
}  # fmt: skip
COLUMNS = (
    "dataset", "replaced", "seeds", "random seed", "Hits@1", "Hits@1, all candidates", "estimated share", "kept", "kept right",
    "added", "precision", "estimate",
)  # fmt: skip


def one_run(name, root, share, screened, seed, settings):
    """A row of the table."""
    graphs = replace_seeds(load(name, root, seed=seed).split(seed), share, seed)
    trusting = patch.object(find(settings["model"]), "prepare", EntityAligner.prepare)
    if not screened:
        trusting.start()
    run = fit(graphs, seed=seed, progress=False, **settings)
    if not screened:
        trusting.stop()
    kept = torch.cat([run.graphs.train, run.graphs.valid])
    right = {tuple(pair) for pair in graphs.pairs.tolist()}
    hits = run.evaluate(candidates="both")["Hits@1"].groupby("embedding").mean()
    rounds = run.history.dropna(subset=["added"])
    last = rounds.iloc[-1]
    return (
        name, share, "judged" if screened else "trusted", seed, hits["joint"], hits["joint, all candidates"],
        run.graphs.get("wrong_share", float("nan")), len(kept), sum(tuple(pair) in right for pair in kept.tolist()),
        int(last["added"]), last["added correct"] / last["judged"] if last["judged"] else float("nan"), last.get("estimate", float("nan")),
    )  # fmt: skip


def main(root=None, *names):
    settings = {"model": "propagation", "iterative_epochs": 3, "matching": "greedy"} if names else SETTINGS
    print(*(f'"{name}"' if "," in name else name for name in COLUMNS), sep=",")
    for seed in range(1 if names else SEEDS):
        for name in names or DATASETS:
            for share in SHARES:
                for screened in (True, False) if share else (True,):
                    row = one_run(name, root, share, screened, seed, settings)
                    print(*(round(x, 4) if isinstance(x, float) else x for x in row), sep=",", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
