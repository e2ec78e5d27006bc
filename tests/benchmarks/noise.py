"""What wrong seeds, attributes and pictures cost each of six models: the noise protocol of later work.

``python tests/benchmarks/noise.py > pmf_minimal/experiments/stored/noise.csv`` writes one row a run. A fifth or a half of the seeds (and
validation pairs) swap their right entities, or of the attributes or pictures of each graph are replaced by noise. Settings are those of
the cards `beyond` and `systems`, so no learning rate was chosen for these faults. The last column says whether the
training ended because its loss was no number; such a run counts as 0. The stored rows of the mixture are of features 2,048 wide, twice
today's.

The rule, written before the runs: a model withstands a fault better than another where the 95 % interval of the differences in the share
of the Hits@1 without faults that each keeps, paired by world and random seed, lies above 0.
"""

import sys

from pmf_minimal import fit, load
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets.faults import corrupt, replace_seeds
from pmf_minimal.errors import Diverged

DATASETS = ("emoji/fr_en", "synthetic/clean")
SHARES = (0.2, 0.5)
SEEDS = 3
SETTINGS = {"dim": 64, "epochs": 30, "batch_size": 500, "evaluate_every": 3, "csls_rounds": 1}
SCORING = {"scoring_start": 5, "scoring_end": 20}
EVIDENCE = {
    "scoring": "off", "freezing": "off", "fusion": "evidence", "cross_modality": "off", "symmetric": "separate", "relation_counts": True, "lr": 0.008,
}  # fmt: skip
MODELS = {
    "PMF (paper)": ("paper", SCORING | {"lr": 0.03}),
    "PMF (released)": ("released", SCORING | {"lr": 0.03}),
    "plain": ("paper", {"ablate": True, "symmetric": "separate", "relation_counts": True, "lr": 0.008}),
    "MEAformer": ("paper", {"model": "meaformer", "relation_counts": True, "lr": 0.008}),
    "evidence": ("paper", EVIDENCE),
    "mixture": ("paper", EVIDENCE | {"model": "mixture"}),
}  # fmt: skip


def spoilt(graphs, what, share, seed):
    """The graphs with their split and such a share of wrong seeds, attributes or pictures."""
    if what == "seeds":
        return replace_seeds(graphs, share, seed)
    return corrupt(graphs, what, foreign=share, seed=seed)


def main(*names):
    print("dataset,wrong,share,model,random seed,Hits@1,diverged")
    for name in names or DATASETS:
        for seed in range(SEEDS):
            graphs = load(name, seed=seed).split(seed)
            for what, share in [("none", 0.0), *((w, s) for w in ("seeds", "attribute", "image") for s in SHARES)]:
                for title, (preset, settings) in MODELS.items():
                    hits, diverged = 0.0, False
                    try:
                        run = fit(
                            spoilt(graphs, what, share, seed) if share else graphs,
                            PRESETS[preset], seed=seed, progress=False, **SETTINGS, **settings,
                        )  # fmt: skip
                        hits = run.evaluate()["Hits@1"].groupby("embedding").mean()["joint"]
                    except Diverged:
                        diverged = True
                    print(name, what, share, title, seed, round(hits, 4), diverged, sep=",", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
