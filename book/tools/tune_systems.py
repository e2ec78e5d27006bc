"""The same tuning for every system of chapter 15: the best of four learning rates, by validation pairs.

    python book/tools/tune_systems.py

Trains every system with every rate on two pairs of graphs with two seeds, and prints the mean validation MRR. Test pairs are not
looked at. The best rates stand in the card ``systems``. What came out:

    rate                  0.002  0.008   0.03    0.1
    PMF                   0.385  0.554  0.606  0.592
    PMF as released       0.561  0.711  0.716  0.683
    PMF without its idea  0.636  0.732  0.728  0.711
    EVA                   0.608  0.673  0.659  0.625
    MCLEA                 0.661  0.745  0.718  0.690
    MEAformer             0.662  0.750  0.719  0.670
    UMAEA                 0.661  0.748  0.721  0.681
    MSNEA                 0.266  0.317  0.345  0.368
    MMEA                  0.015  0.033  0.041  0.025
"""

from pathlib import Path

from pmf_minimal.experiments import cards, runner

RATES = (0.002, 0.008, 0.03, 0.1)
DATASETS = ("emoji/fr_en", "synthetic/foreign")
SEEDS = 2


def main():
    card = cards.read("systems")
    grid = [
        runner.RunSpec(cell.dataset, f"{cell.variant}, {rate}", cell.config.replace(lr=rate))
        for cell in cards.cells(card)
        for rate in RATES
        if cell.dataset in DATASETS and cell.config.seed < SEEDS
    ]
    table, _ = runner.run(grid, Path("runs/experiments"), jobs=-1)
    table[["system", "rate"]] = table["variant"].str.rsplit(", ", n=1, expand=True)
    mean = table.pivot_table(index="system", columns="rate", values="valid MRR", sort=False)
    print(mean.assign(best=mean.idxmax(axis=1)).round(3).to_string())


if __name__ == "__main__":
    main()
