"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("a_from_paper, a_from_code, together = 0.10, -0.05, -0.15", "The sign"),
        ("a_from_paper, a_from_code, together = -0.10, 0.15, 0.15", "minus with B alone"),
        ("a_from_paper, a_from_code, together = -0.10, 0.05, 0.05", "the interaction's formula"),
    ],
    [
        ("steady = set(both[both['clear']]['row'])", "clear somewhere"),
        ("steady = set(rows)", "too many"),
    ],
    [
        (
            "with_the_rest = (released[(released['dataset'] == 'emoji/fr_en+missing') & (released['variant'] == 'released')]"
            "['Hits@1'].mean() - paper[(paper['dataset'] == 'emoji/fr_en+missing') & (paper['variant'] == 'paper')]"
            "['Hits@1'].mean())",
            "both together",
        ),
        ("with_the_rest = 0.5", "B alone"),
    ],
]
