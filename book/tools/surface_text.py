"""What names alone give away, and what the systems of chapter 15 make of them: DBP15K ZH-EN with translated names.

    python book/tools/surface_text.py FOLDER_OF_THE_BENCHMARKS

Trains every system on structure and relations, without and with the pairs of letters of the names, by the settings of the card
``systems``; beside them the same letters are compared without any training. Writes ``pmf_minimal/experiments/stored/surface.csv``. One
CPU core needs most of an hour for a seed; after a halt it goes on where it was.
"""

from pathlib import Path

import click
import pandas as pd
import torch

from pmf_minimal import metrics
from pmf_minimal.datasets import load
from pmf_minimal.experiments import cards, runner
from pmf_minimal.matching import similarity

DATASET = "dbp15k/zh_en"
INPUTS = {"without names": ("structure", "relation"), "with names": ("structure", "relation", "char")}
OUT = Path(__file__).parents[2] / "pmf_minimal" / "experiments" / "stored" / "surface.csv"


def systems(seeds: int) -> list[runner.RunSpec]:
    """Every system, with and without names, seed by seed."""
    return [
        runner.RunSpec(DATASET, f"{cell.variant}, {inputs}", cell.config.replace(modalities=modalities))
        for cell in cards.cells(cards.read("systems") | {"datasets": [DATASET]})
        for inputs, modalities in INPUTS.items()
        if cell.config.seed < seeds
    ]


def letters(root: Path, seeds: int) -> list[dict]:
    """Cosines of the counts of pairs of letters, for the test pairs of each seed."""
    rows, config = [], systems(1)[0].config
    for seed in range(seeds):
        graphs = load(DATASET, root).split(seed, config.train_share, config.valid_share)
        x = graphs.features["char"]
        s = similarity(x[graphs.test[:, 0]], x[graphs.test[:, 1]])
        right = torch.arange(len(s))
        both = pd.DataFrame([metrics.evaluate(s, right), metrics.evaluate(s.T, right)]).mean().to_dict()
        rows.append({"dataset": DATASET, "variant": "letters alone, with names", "seed": seed, **both})
    return rows


@click.command(help=__doc__)
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default=1, show_default=True, help="so many splits, initial weights and batches")
@click.option("--jobs", default=1, show_default=True, help="processes; -1 for all cores")
def main(root: Path, seeds: int, jobs: int):
    table, _ = runner.run(systems(seeds), Path("runs/experiments"), root=root, jobs=jobs)
    table = pd.concat([pd.DataFrame(letters(root, seeds)), table], ignore_index=True)
    table[["system", "inputs"]] = table["variant"].str.split(", ", expand=True)
    columns = ["dataset", "variant", "system", "inputs", "seed", "Hits@1", "Hits@10", "MRR", "best epoch", "seconds"]
    table[columns + ["machine", "versions"]].round(4).to_csv(OUT, index=False)
    print(table.pivot_table(index="system", columns="inputs", values="Hits@1", sort=False).round(3).to_string())


if __name__ == "__main__":
    main()
