"""Preset `released` against the authors' own code: the same files, the same split, 50 epochs without the cross-modality stage.

    python tests/benchmarks/released.py --root FOLDER --images FILE.pkl --split FILE.csv --seeds 3

FILE.csv has the columns left, right, split (train or test) with the ids of the data set's files.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.runs.run import fit

CONFIG = PRESETS["released"].replace(epochs=50, cross_modality="off", selection="last")
RUNS = {"with freezing": CONFIG, "without freezing": CONFIG.replace(scoring="off", fusion="none")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="openea/en_fr_v1")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    graphs = load(args.dataset, args.root, args.images)
    row = {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    table = pd.read_csv(args.split)
    pairs = {
        name: torch.tensor([[row[i], row[j]] for i, j in part[["left", "right"]].values.tolist()])
        for name, part in table.groupby("split")
    }
    graphs = graphs.with_split(pairs["train"], pairs["train"][:0], pairs["test"])
    results = []
    for name, config in RUNS.items():
        for seed in range(args.seeds):
            run = fit(graphs, config.replace(seed=seed))
            joint = run.evaluate().loc["joint"].loc["joint"]
            share = run.history["frozen image"].iloc[-1]
            results += [
                {"run": name, "direction": direction, "seed": seed, "frozen pictures": share, **values}
                for direction, values in joint.to_dict("index").items()
            ]
            print(pd.DataFrame(results).tail(2).round(4).to_string(header=seed == 0, index=False), flush=True)
    print(
        pd.DataFrame(results)
        .drop(columns="seed")
        .groupby(["run", "direction"])
        .agg(["mean", "std"])
        .round(4)
        .to_string()
    )


if __name__ == "__main__":
    main()
