"""Write book/claims.md: the paper's eleven claims and what the experiment cards found.

python book/tools/claims.py                    # after `python -m pmf_minimal experiment --store`
"""

from pathlib import Path

from pmf_minimal.experiments import cards

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "claims.md"

# As the paper makes them, in our words.
CLAIMS = {
    1: "Measuring relevance matters most of all parts, and fusion by relevance matters more than freezing. (Fig. 3)",
    2: "Scoring progressively beats scoring once. (Fig. 3)",
    3: "The cross-modality loss helps. (Fig. 3)",
    4: "Structure and image are missed most. Relation or attribute alone cost little, both together much. (Fig. 4)",
    5: "The scores of the two sides of a pair correlate, and those of images lie close together. (Fig. 5)",
    6: "Below a threshold of 0.4 little changes, and above it more is frozen and Hits@1 rises. (Fig. 6)",
    7: "With 1 % seeds PMF keeps .648 Hits@1 on DBP15K ZH-EN, where MEAformer has .456. (Fig. 7, tested here: against PMF without relevance)",
    8: "The frozen share of images rises steeply and settles near 55 %. (Fig. 8)",
    9: "Images frozen early differ grossly, images frozen late subtly. (Table 3)",
    10: "PMF trains faster than MEAformer and UMAEA. (A.4)",
    11: "Limitations: relevance is not always reliable, and iterative learning is unstable.",
}

# Chapters that look closer at a claim than the one that its card names.
CLOSER = {9: "[Case study](../notebooks/14_case_study.ipynb)"}

HEAD = """# Claims

This page lists what the paper claims {cite:p}`huang2024pmf` and what came out here. We used small graphs that anyone can have, at least five random seeds, and rules that stood in the experiment cards before the runs. The paper's own data sets are
larger, and their pictures are not ours to pass on. So *not supported* means: not on these graphs, with these settings. Each chapter's page and its card say what was run.

**The rule.** A claim is broken down into comparisons of Hits@1, or of another measure, on each data set. Each comparison is a paired t-test over the random seeds. The level is 5 % for all comparisons of a claim together (Holm's correction {cite:p}`holm1979multiple`).
*Supported*: every comparison is for the claim on every data set. *Not supported*: none is. *Partly*: anything between. A comparison is *open* where the random seeds do not decide it.
Where several experiments test a claim, it is supported if all of them support it, and not supported if none does.

| # | The paper's claim | Verdict here | for / against / open | Where |
|---|---|---|---|---|
"""


def verdicts() -> dict[int, list[tuple[str, dict, dict]]]:
    """Claim number -> (name of the card, the card, its verdict) for every card that tests it."""
    found: dict[int, list] = {number: [] for number in CLAIMS}
    for name in cards.names():
        card = cards.read(name)
        for verdict in card.get("results", {}).get("verdicts", []):
            found[verdict["claim"]].append((name, card, verdict))
    return found


def together(single: list[str]) -> str:
    """One verdict out of those of several experiments."""
    tested = [v for v in single if v != "not testable here"]
    if not tested:
        return "not testable here"
    return tested[0] if len(set(tested)) == 1 else "partly"


def page() -> str:
    lines = [HEAD.rstrip("\n")]
    for number, entries in verdicts().items():
        counts = [sum(v[k] for _, _, v in entries) for k in ("for", "against", "open")]
        where = dict.fromkeys(f"[{card['title']}](../{card['chapter']}.ipynb)" for _, card, _ in entries)
        row = (
            number,
            CLAIMS[number],
            f"**{together([v['verdict'] for _, _, v in entries])}**",
            " / ".join(map(str, counts)) if entries else "–",
            ", ".join([*where, *([CLOSER[number]] if number in CLOSER else [])]) or "not tested yet",
        )
        lines.append("| " + " | ".join(map(str, row)) + " |")
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
        "The cards lie in `pmf_minimal/experiments/cards`, with a table of all their runs, a row each with its full configuration. `python -m pmf_minimal experiment NAME` runs one again and compares, and `make experiments` runs all. This page is made from the cards by `book/tools/claims.py`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
