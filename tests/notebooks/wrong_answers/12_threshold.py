"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("factor_for = lambda start, top, scorings: (top - start) / scorings", "step of a sum"),
        ("factor_for = lambda start, top, scorings: top / start / scorings", "below 1"),
        ("factor_for = lambda start, top, scorings: (top / start) ** (1 / (scorings - 1))", "One too few"),
    ],
    [
        (
            "def test_of_chosen(table):\n"
            "    return table.loc[table.groupby('seed')['Hits@1'].idxmax(), 'Hits@1'].tolist()",
            "on the test pairs",
        ),
        (
            "def test_of_chosen(table):\n    return [table.loc[table['valid MRR'].idxmax(), 'Hits@1']]",
            "within each seed",
        ),
        (
            "def test_of_chosen(table):\n"
            "    return table.loc[table.groupby('seed')['valid MRR'].idxmax(), 'valid MRR'].tolist()",
            "another measure",
        ),
    ],
]
