"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

PIVOT = 'truth[truth["dataset"] == name].pivot(index="seed", columns="variant", values="precision image")'

WRONG = [
    [
        ("by_chance = lambda n, spoilt, frozen: (frozen / n, spoilt / n)", "wrong way round"),
        ("by_chance = lambda n, spoilt, frozen: (spoilt * frozen / n**2,) * 2", "Divide by"),
        ("by_chance = lambda n, spoilt, frozen: (spoilt / frozen, 1.0)", "(0.5, 0.2) is right"),
    ],
    [
        (f"def over_random(name):\n    at = {PIVOT}\n    return (at['random scores'] - at['PMF']).tolist()", "sign"),
        (
            f"def over_random(name):\n    at = {PIVOT}\n    return [at['PMF'].mean() - at['random scores'].mean()] * 5",
            "Five times the same",
        ),
        (
            f"def over_random(name):\n    at = {PIVOT}\n    return [at['PMF'].mean() - at['random scores'].mean()]",
            "Five numbers",
        ),
    ],
    [
        ("ask_the_pair = lambda other, image: image.amax(dim=1)", "best match again"),
        ("ask_the_pair = lambda other, image: image.diagonal()", "cheating"),
        ("ask_the_pair = lambda other, image: other.amax(dim=1)", "cosine by the other modalities"),
    ],
]
