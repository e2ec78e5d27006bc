"""The figure of a claim on book/claims.md: each comparison of its rule, a line for each world, with the interval of its mean.

A world's mean is taken over its data sets, run by run, so its interval is over the random seeds. Outcomes are the card's.
"""

from pmf_minimal.experiments import cards
from pmf_minimal.experiments.judging import MARGIN, world
from pmf_minimal.experiments.measures import parse
from pmf_minimal.teaching.markup import Markup, fill
from pmf_minimal.teaching.sketch import drawing, line, word
from pmf_minimal.teaching.verdicts import COLOUR, MARK, READINGS

WIDTH, PLOT, STEP = 380, (78, 228), 20  # all, the part for intervals, and the height of a line
CAPTION = "Mean difference in each world, with its 95 % interval (uncorrected)."
ROUND = {None: "first round"} | {name: f"second round, {words}" for name, words in READINGS.items()}


def tested(found):
    """The cards that say most: those of the second round, or where there are none, of the first."""
    second = [one for one in found if "reading" in one[1]]
    return second or found


def intervals(name, card, verdict):
    """Lines of a card's claim: (title of the comparison, rows of (world, mean, low, high, outcome))."""
    (claim,) = [claim for claim in card["claims"] if claim["claim"] == verdict["claim"]]
    outcomes = {(w["comparison"], w["world"]): w["outcome"] for w in verdict["worlds"]}
    for rule in claim["rule"]:
        table = cards.runs(name)
        if "datasets" in rule:
            table = table[table["dataset"].isin(rule["datasets"])]
        first, second = rule["same"] if "same" in rule else (rule["more"], rule["less"])
        text = f"{first} = {second} ± {rule.get('within', MARGIN)}" if "same" in rule else f"{first} > {second}"
        worlds = table.assign(dataset=table["dataset"].map(world))
        worlds = worlds.groupby(["dataset", "variant", "seed"], sort=False).mean(numeric_only=True).reset_index()
        found = cards.differences(worlds, first, second)
        yield (
            title(first, second),
            [
                (w, d["mean"], d["low"], d["high"], outcomes[text, w])
                for w, d in found.iterrows()
                if (text, w) in outcomes
            ],
        )


def title(first, second):
    """What is subtracted from what, and of which measure."""
    sides = [parse(side) if isinstance(side, str) else (f"{side:g}", None) for side in (first, second)]
    names, measure = [name for name, _ in sides], sides[0][1] or sides[1][1]
    if names[0] == names[1]:  # two measures of one variant
        return f"{sides[0][1]} − {sides[1][1]}"
    return f"{names[0]} − {names[1]}" + ("" if measure == "Hits@1" else f" ({measure})")


def figure(number, found):
    """The figure of a claim as HTML in one line, or None if no card has compared anything.

    Args:
        number: of the claim.
        found: what ``verdicts.entries()`` has for it.
    """
    parts, y, said = [], 6, []
    for name, card, verdict in tested(found):
        lines = [one for one in intervals(name, card, verdict) if one[1]]
        if not lines:
            continue
        y += STEP
        parts.append(word(ROUND[card.get("reading")], 0, y, anchor="start", bold=True))
        said.append(ROUND[card.get("reading")].capitalize())
        for heading, rows in lines:
            y += STEP
            parts.append(word(heading, 0, y, anchor="start"))
            drawn, y = comparison(rows, y)
            parts += drawn
            said += [f"{heading}, {w}: {mean:+.3f}, {outcome}" for w, mean, _, _, outcome in rows]
        y += 8
    if not parts:
        return None
    drawn = drawing(parts, WIDTH, y + 4, f"Claim {number}. " + ". ".join(said) + ".", CAPTION)
    return drawn.data.replace('font-size="14"', 'font-size="13"')


def comparison(rows, y):
    """The lines of one comparison, all on one scale with zero in it, and where the next one begins."""
    ends = [0.0] + [v for _, mean, low, high, _ in rows for v in (mean, low, high) if v == v]
    low_end, span = min(ends), max(max(ends) - min(ends), 1e-9)

    def at(value):
        return PLOT[0] + 8 + (PLOT[1] - PLOT[0] - 16) * (value - low_end) / span

    top, parts = y + 4, []
    for name, mean, low, high, outcome in rows:
        y += STEP
        parts.append(word(name, 10, y, anchor="start"))
        if low == low:
            parts.append(line([(at(low), y - 5), (at(high), y - 5)], colour_of(outcome), 2.5))
        parts.append(mark(at(mean), y - 5, outcome))
        parts.append(word(numbers(mean, low, high), PLOT[1] + 4, y, anchor="start"))
    return [line([(at(0), top), (at(0), y + 2)], "currentColor", 1, "3 3"), *parts], y


def numbers(mean, low, high):
    """A mean and its interval, if there is one, as short as their size allows."""
    digits = 3 if abs(mean) < 10 else 1
    words = f"{mean:+.{digits}f}" + (f" [{low:+.{digits}f}, {high:+.{digits}f}]" if low == low else "")
    return words.replace("-", "−")


def colour_of(outcome):
    """The book's colour of an outcome; a world that is both ways is as undecided as an open one."""
    return COLOUR.get(outcome, COLOUR["open"])


def mark(x, y, outcome):
    """The book's mark of an outcome: a dot for, a cross against, a square open, a small dot moot."""
    colour = colour_of(outcome)
    shape = {
        "o": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
        "X": "M-5 -5L5 5M-5 5L5 -5",
        "s": "M-4.5 -4.5h9v9h-9z",
        ".": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
    }[MARK.get(outcome, "s")]
    return fill(
        '<path d="{shape}" transform="translate({x} {y})" fill="{colour}" stroke="{colour}" stroke-width="2.5"/>',
        shape=Markup(shape), x=f"{x:.1f}", y=f"{y:.1f}", colour=colour,
    )  # fmt: skip
