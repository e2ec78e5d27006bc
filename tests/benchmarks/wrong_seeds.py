"""What wrong seeds cost: a share of the seeds and validation pairs swap their right entities, and a mixture is trained.

``python tests/benchmarks/wrong_seeds.py > pmf_minimal/experiments/stored/wrong_seeds.csv`` writes one row a run; with the folder of the
benchmarks and ``dbp15k/zh_en`` as further arguments, the runs of that pair instead.
"""

import sys
from unittest.mock import patch

import torch

from pmf_minimal import EntityAligner, fit, load
from pmf_minimal.beyond.mixture import Mixture
from pmf_minimal.datasets.faults import replace_seeds

DATASETS = ("synthetic/foreign", "emoji/fr_en")
SHARES = (0.0, 0.2, 0.5)
SEEDS = 3
SETTINGS = {
    "dim": 64, "epochs": 12, "batch_size": 250, "evaluate_every": 4, "lr": 0.01, "iterative_epochs": 4, "iterative_every": 2,
}  # fmt: skip
COLUMNS = (
    "dataset", "replaced", "seeds", "random seed", "Hits@1", "Hits@1, all candidates", "estimated share", "kept", "kept right",
    "added", "precision", "estimate",
)  # fmt: skip


def one_run(name, root, share, screened, seed, settings):
    """A row of the table."""
    graphs = replace_seeds(load(name, root, seed=seed).split(seed), share, seed)
    trusting = patch.object(Mixture, "prepare", EntityAligner.prepare)
    if not screened:
        trusting.start()
    run = fit(graphs, model="mixture", seed=seed, progress=False, **settings)
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
        int(last["added"]), last["added correct"] / max(1, last["judged"]), last["estimate"],
    )  # fmt: skip


def main(root=None, *names):
    settings = SETTINGS
    if names:
        settings = SETTINGS | {"dim": 128, "epochs": 10, "batch_size": 1000, "lr": 0.005}
    print(*(f'"{name}"' if "," in name else name for name in COLUMNS), sep=",")
    for seed in range(1 if names else SEEDS):
        for name in names or DATASETS:
            for share in SHARES:
                for screened in (True, False) if share else (True,):
                    row = one_run(name, root, share, screened, seed, settings)
                    print(*(round(x, 4) if isinstance(x, float) else x for x in row), sep=",", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
