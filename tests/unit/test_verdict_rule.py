"""The rule for verdicts, written a second time from its description in the book, agrees with every row that the cards state.

It shares no code with the package: the files are read as files, and the tests are computed from their formulas.
"""

import csv
import math
from pathlib import Path

import pytest
import yaml
from scipy.special import stdtr, stdtrit

FOLDER = Path(__file__).resolve().parents[2] / "pmf_minimal" / "experiments" / "cards"
CARDS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
JUDGED = [name for name, card in CARDS.items() if card.get("results", {}).get("verdicts")]


def columns(name):
    """(data set, variant, measure) -> {random seed: value}."""
    found = {}
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for measure, text in row.items():
                if not measure.startswith("config.") and text:
                    try:
                        value = float(text)
                    except ValueError:  # a name
                        continue
                    found.setdefault((row["dataset"], row["variant"], measure), {})[row["seed"]] = value
    return found


def side(values, dataset, words):
    if not isinstance(words, str):
        seeds = {seed for (d, _, _), by_seed in values.items() if d == dataset for seed in by_seed}
        return dict.fromkeys(seeds, float(words))
    variant, _, measure = words.partition(" | ")
    return values.get((dataset, variant, measure or "Hits@1"), {})


def paired(values, dataset, first, second):
    one, two = side(values, dataset, first), side(values, dataset, second)
    return [one[seed] - two[seed] for seed in sorted(one.keys() & two.keys())]


def moments(differences):
    n = len(differences)
    mean = math.fsum(differences) / n
    variance = math.fsum((x - mean) ** 2 for x in differences) / (n - 1)
    return n, mean, math.sqrt(variance / n)


def two_sided(differences):
    n, mean, error = moments(differences)
    return float(mean == 0) if error < 1e-12 else 2 * stdtr(n - 1, -abs(mean / error))


def equal_within(differences, margin):
    """The larger p of the two one-sided tests."""
    n, mean, error = moments(differences)
    if error < 1e-12:
        return float(abs(mean) >= margin)
    return max(stdtr(n - 1, -(mean + margin) / error), stdtr(n - 1, (mean - margin) / error))


def interval(differences):
    n, mean, error = moments(differences)
    half = stdtrit(n - 1, 0.975) * error
    return mean - half, mean + half


def holm(p):
    corrected, largest = [0.0] * len(p), 0.0
    for rank, k in enumerate(sorted(range(len(p)), key=lambda k: p[k])):
        largest = max(largest, (len(p) - rank) * p[k])
        corrected[k] = min(1.0, largest)
    return corrected


def comparisons(card, values, claim):
    """What is compared on which data set: label, data set, differences, margin, and whether it counts."""
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in values))
    for rule in claim["rule"]:
        first, second = rule.get("same") or (rule["more"], rule["less"])
        margin = rule.get("within", 0.02) if "same" in rule else None
        for dataset in datasets:
            if dataset not in rule.get("datasets", datasets):
                continue
            differences = paired(values, dataset, first, second)
            if len(differences) < 3:
                continue
            given = rule.get("given")
            counts = given is None or interval(paired(values, dataset, given["more"], given["less"]))[0] > 0
            yield (first, second), dataset, differences, margin, counts


def outcome(differences, margin, p, counts):
    if not counts:
        return "moot"
    _, mean, _ = moments(differences)
    low, high = interval(differences)
    if margin is not None:
        return "against" if low > margin or high < -margin else "for" if p < 0.05 else "open"
    return "open" if p >= 0.05 else "for" if mean > 0 else "against"


def verdict_of(card, values, claim):
    found = list(comparisons(card, values, claim))
    raw = [two_sided(d) if margin is None else equal_within(d, margin) for _, _, d, margin, _ in found]
    outcomes = [outcome(d, m, p, c) for (_, _, d, m, c), p in zip(found, holm(raw), strict=True)]
    worlds = {}
    for (label, dataset, *_), word in zip(found, outcomes, strict=True):
        worlds.setdefault((label, dataset.split("/")[0]), set()).add(word)
    favour = [("for" in kinds, "against" in kinds) for kinds in worlds.values() if kinds != {"moot"}]
    if not found:
        word = "not testable here"
    elif favour and all(kind == (True, False) for kind in favour):
        word = "supported"
    elif any(against for _, against in favour) and not any(good for good, _ in favour):
        word = "contradicted"
    else:
        word = "mixed"
    return word, outcomes


@pytest.mark.parametrize("name", JUDGED)
def test_an_independent_reading_of_the_rule_agrees(name):
    card, values = CARDS[name], columns(name)
    stated = card["results"]["verdicts"]
    assert len(stated) == len(card["claims"])
    for claim, row in zip(card["claims"], stated, strict=True):
        word, outcomes = verdict_of(card, values, claim)
        assert (claim["claim"], word) == (row["claim"], row["verdict"])
        counts = {kind: outcomes.count(kind) for kind in ("for", "against", "open", "moot")}
        assert counts == {kind: row[kind] for kind in counts}
        assert sum(world["datasets"] for world in row["worlds"]) == len(outcomes)


def test_the_second_rule_is_a_rule():
    """It can disagree: with other runs it comes to other verdicts."""
    claim = {"rule": [{"more": "a", "less": "b"}]}
    up, down = [0.6, 0.61, 0.62, 0.6], [0.5, 0.52, 0.51, 0.5]
    for a, b, word in ((up, down, "supported"), (down, up, "contradicted"), (up, up[::-1], "mixed")):
        values = {("emoji/x", v, "Hits@1"): dict(enumerate(column)) for v, column in (("a", a), ("b", b))}
        assert verdict_of({}, values, claim)[0] == word
    assert verdict_of({}, {}, claim)[0] == "not testable here"
