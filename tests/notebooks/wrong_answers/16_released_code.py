"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("a_from_paper, a_from_code, together = 0.10, -0.05, -0.15", "The sign"),
        ("a_from_paper, a_from_code, together = -0.10, 0.15, 0.15", "minus with B alone"),
        ("a_from_paper, a_from_code, together = -0.10, 0.05, 0.05", "the interaction's formula"),
    ],
    [
        (
            "flattery = lambda v, t: (t.gather(0, v.argmax(dim=0)[None])[0] - t.max(dim=0).values).mean()",
            "The sign",
        ),
        (
            "flattery = lambda v, t: t.mean(dim=1).max() - t.mean(dim=1)[v.mean(dim=1).argmax()]",
            "one look for all runs",
        ),
        ("flattery = lambda v, t: t.max() - t.max()", "with itself"),
    ],
    [
        (
            "agrees = lambda added, kept, row: (added.xs(row, level='variant')['outcome'] == 'for').all()",
            "look at both tables",
        ),
        (
            "agrees = lambda added, kept, row: all((t.loc['d'].loc[row, 'outcome'] == 'for') for t in (added, kept))",
            "look at",
        ),
        ("agrees = lambda added, kept, row: False", "for everywhere"),
    ],
]
