"""Write book/claims.md: the paper's claims and what the experiment cards found.

python book/tools/claims.py                    # after `python -m pmf_minimal experiment --store`
"""

from pathlib import Path

import pandas as pd
from claim_figure import figure

from pmf_minimal.experiments import cards
from pmf_minimal.experiments.judging import by_world
from pmf_minimal.teaching.verdicts import CLAIMS, READINGS, by_reading, entries, first_round, sentence

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "claims.md"

# Chapters that look closer at a claim than the one that its card names.
CLOSER = {9: "[Case study](../notebooks/14_case_study.ipynb)"}

HEAD = """# Claims

This page lists what the paper claims {cite:p}`huang2024pmf` and what came out here. We used graphs that anyone can have, several random seeds, and rules that stood in the experiment cards before the runs. The paper's own data sets are
larger, and their pictures are not ours to pass on. So *contradicted* means: on these graphs, with these settings. Each chapter's page and its card say what was run.

The verdict on a claim is **bold**, and – says that a reading has not been tried. The first round was an earlier test, with one learning rate for all variants. [How the verdicts are reached](#how-the-verdicts-are-reached) follows the table.

| # | The paper's claim | As the paper has it | As the released code has it | First round | Where |
|---|---|---|---|---|---|
"""

ROUNDS = """**Two rounds.** In the first round all variants of PMF had one learning rate, which suited the variants without its parts better than PMF itself. In the second round each variant has a rate of its own, chosen by the validation pairs of splits that no reported run has, and training is counted in gradient steps.
The second round has two readings: PMF as the paper describes it, and PMF as its released code works. It is not complete yet: where both columns of the table say –, only the first round has an answer so far. The first round's words were *supported*, *partly* and *not supported*, by data set and without worlds.

**The rule.** A claim is broken down into comparisons of Hits@1, or of another measure, on each data set. Each comparison is a paired t-test over the random seeds. The level is 5 % for all comparisons of a claim together (Holm's correction {cite:p}`holm1979multiple`).
Data sets that share a graph are one *world*: the emoji, the synthetic graphs, OpenEA, DBP15K. A world is for a comparison if at least one of its data sets is and none is against it.
*Supported*: every comparison is for the claim in every world. *Contradicted*: some are against it and none is for it. *Mixed*: anything between. The random seeds draw other splits of the same graphs, so an interval speaks of that graph and not of all graphs."""


AUTHORS_CODE = """The released code was also run as it is, on OpenEA EN-FR with simulated pictures (a quarter of them missing, 30 % of the rest irrelevant), once with freezing and once without. Everything else is the same: 50 epochs, its learning rate of 0.001, its own random seed 3408, 3,000 training pairs,
test pairs as candidates, CSLS twice, its cross-modality stage off. Freezing costs it seven points. It is one run each, so it is an observation and not a verdict. The figures are in `experiments/stored/authors_code.csv`."""
#: Number of a claim -> what the paper prints for it, with the place.
PRINTED = {
    0: "PMF is ahead of all six other systems on all nine data sets, by 3.5 points of Hits@1 on DBP15K ZH-EN (.835 against .800) and by 8.5 on FBDB15K (.539 against .454). (Table 1)",
    1: "Hits@1 on DBP15K ZH-EN falls from .835 to .749 without relevance measuring. The other parts are drawn without numbers. (Section 4.3, Figure 3)",
    2: "A marked fall with the static variant, drawn without a number. (Figure 3)",
    3: "A fall without L_CM, drawn without a number. (Figure 3)",
    4: "Bars without numbers. (Figure 4)",
    5: "Clouds of points without numbers. (Figure 5)",
    6: "Curves without numbers. (Figure 6)",
    7: "With 1 % seeds PMF has .648 and MEAformer .456 on DBP15K ZH-EN. (Appendix B.1, Figure 7)",
    8: "About 55 % at the end. (Appendix B.2, Figure 8)",
    9: "Examples, no number. (Table 3)",
    10: "20 minutes for PMF, 33 for MEAformer and 29 for UMAEA, on one GPU. (Appendix A.4)",
    11: "No number. (Section Limitations)",
}
#: Number of a claim -> what its chapter found that changes how its figures read.
NOTES = {
    0: "As the paper has it, the models that were kept had frozen hardly anything yet. So *open* at +0.000 says nothing about freezing. As the released code has it, random scores do as well as PMF on the one data set where measuring relevance is ahead ([chapter 10](../notebooks/10_ablations.ipynb#the-same-as-the-released-code-has-it)).",
    3: "As the released code has it, L_CM has steps of its own: PMF makes 125 or 150 gradient steps, and *without L_CM* 50. On synthetic/clean the kept models are from before the first of them. Without that data set the verdict would be *mixed*, so read it as a finding about the emoji ([chapter 10](../notebooks/10_ablations.ipynb#the-same-as-the-released-code-has-it)).",
    6: "Hits@1 is that of the kept model, the frozen share that of the last epoch ([chapter 12](../notebooks/12_threshold.ipynb)).",
    7: "In the second round each learning rate was chosen with as few validation pairs as the share leaves, three with 1 %. For PMF on the emoji that chose 0.000625, with which it finds .262 of the test pairs with 1 %. In the card `few_seeds_systems`, with 0.03 and 30 gradient steps, it had .473. So with 1 % the verdict is about the choice of the rate. What both rounds agree on is that MEAformer is ahead where more pairs are known ([chapter 13](../notebooks/13_few_seeds.ipynb#the-second-round-each-at-its-own-rate)).",
    8: "The frozen share is that of the last epoch. The kept model has frozen hardly any picture ([chapter 12](../notebooks/12_threshold.ipynb)).",
    11: "The second round has judged the first half only, that relevance is not always reliable. What the paper says of iterative learning has only the first round's runs, of a model without freezing ([chapter 9](../notebooks/09_iterative.ipynb)).",
}
EFFECTS = "The sentence on a claim is made from the cards, and its chapter shows the same one. The figure below it draws each comparison of the claim's rule in each world: right of zero (dashed) is for the claim, except where the rule asks for sameness: there near zero is for it. The line through a mark is the 95 % interval over the random seeds, uncorrected. Marks and colours are corrected: green dots for, orange crosses against, grey squares open or both ways (some of a world's data sets for it and some against it), pale dots moot. Each comparison has a scale of its own. Where the second round has an answer, a table says what it found. It gives differences in Hits@1 (or in the measure that a comparison names): the mean over the data sets of a world, with the least and the most of them. *Moot*: which of two parts matters more counts only where the first one helps, and it does not help here."


def effects(number: int, tested: list) -> list[str]:
    """What was found on a claim: the sentence, and from the second round a line for each comparison, reading and world."""
    lines = []
    for name, card, _ in tested:
        if "reading" not in card:
            continue
        (claim,) = [claim for claim in card["claims"] if claim["claim"] == number]
        _, rows = cards.judge(cards.runs(name), claim)
        for row in by_world(rows).to_dict("records"):  # exact, where the card's are rounded
            span = f"{row['mean']:+.3f} ({row['least']:+.3f} to {row['most']:+.3f})"
            comparison = row["comparison"].replace(" | ", ", ")  # a bar would end the cell
            words = (card["reading"], comparison, row["world"], row["datasets"], span, row["outcome"])
            lines.append("| " + " | ".join(map(str, words)) + " |")
    head = ["", f"## Claim {number}", "", sentence(number), "", f"**The paper:** {PRINTED[number]}"]
    drawn = figure(number, tested)
    if drawn:
        head += ["", drawn]
    if number in NOTES:
        head += ["", NOTES[number]]
    if not lines:
        return head
    head += [
        "",
        "| Reading | Comparison | World | Data sets | Difference, mean (least to most) | Outcome |",
        "|---|---|---|---|---|---|",
    ]
    return head + lines


def authors_code() -> list[str]:
    """What the released code itself reached with and without freezing: no run of ours, but stored with its settings."""
    table = pd.read_csv(cards.CARDS.parent / "stored" / "authors_code.csv")
    lines = [
        AUTHORS_CODE,
        "",
        "| Freezing | Direction | Hits@1 | Hits@10 | MRR | Frozen images |",
        "|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        words = [
            row["freezing"],
            row["direction"],
            f"{row['Hits@1']:.4f}",
            f"{row['Hits@10']:.4f}",
            f"{row['MRR']:.3f}",
        ]
        lines.append("| " + " | ".join([*words, f"{row['frozen images']:.1%}"]) + " |")
    return lines


def page() -> str:
    lines, first, tested = [HEAD.rstrip("\n")], first_round()["verdict"], entries()
    for number, found in tested.items():
        where = dict.fromkeys(f"[{card['title']}](../{card['chapter']}.ipynb)" for _, card, _ in found)
        second = by_reading(number)
        row = (
            f"[{number}](#claim-{number})",
            CLAIMS[number],
            *(f"**{second[reading][0]}**" if reading in second else "–" for reading in READINGS),
            first.get(number, "–"),
            ", ".join([*where, *([CLOSER[number]] if number in CLOSER else [])]) or "not tested yet",
        )
        lines.append("| " + " | ".join(map(str, row)) + " |")
    lines += ["", "## How the verdicts are reached", "", ROUNDS, "", EFFECTS]
    lines += [line for number, found in tested.items() for line in effects(number, found)]
    lines += ["", "## The authors' own code", "", *authors_code()]
    lines += [
        "",
        "## The experiments",
        "",
        "| Experiment | Question | Runs | Hours of one core | Machine |",
        "|---|---|---|---|---|",
    ]
    for name in cards.names():
        card = cards.read(name)
        done = card.get("results")
        if done:
            machines = "; ".join(done["machines"])
            lines.append(
                f"| [{card['title']}](../{card['chapter']}.ipynb) (`{name}.yaml`) | {card['question']} | {done['runs']} | {done['hours of one core']} | {machines} |"
            )
    lines += [
        "",
        "The cards lie in `pmf_minimal/experiments/cards`, with a table of all their runs, a row each with its full configuration. `python -m pmf_minimal experiment NAME` runs one again and compares, and `make experiments` runs those behind the verdicts, with `CARDS=` all. This page is made from the cards by `book/tools/claims.py`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
