"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

MEANS = (
    "mean = table[table['dataset'] == dataset].groupby('variant')['Hits@1'].mean()\n    fall = mean['all'] - mean\n    "
)
BOTH = "fall['without relation and attribute']"
SINGLE = "fall['without relation'] - fall['without attribute']"
WRONG = [
    [
        ("where_both_count = lambda x, y: pearson(x, y)", "the zeros are still"),
        ("where_both_count = lambda x, y: pearson(x[x > 0], y[x > 0])", "leave them out, too"),
        ("where_both_count = lambda x, y: 'much'", "Return one number"),
    ],
    [
        (f"def surplus(table, dataset):\n    {MEANS}return {BOTH}", "Subtract the single falls"),
        (f"def surplus(table, dataset):\n    {MEANS}return -({BOTH} - {SINGLE})", "The sign is turned"),
        ("surplus = lambda table, dataset: 0.1", "is wanted"),
    ],
    [
        ("within = lambda x, y, group: pearson(x, y)", "take each group's"),
        (
            "within = lambda x, y, g: sum(pearson(x[g == k], y[g == k]) for k in g.unique()) / 2",
            "You averaged the groups' own correlations",
        ),
    ],
]
