"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("pairs_needed = lambda p, error: math.ceil(p * (1 - p) / error)", "The root is missing"),
        ("pairs_needed = lambda p, error: int(p * (1 - p) / error**2 + 1e-9)", "round up"),
        ("pairs_needed = lambda p, error: math.ceil(p / error**2)", "and 25"),
    ],
    [
        ("best_is_ahead = lambda n: compare(0.6, 0.5, n)[0]", "there are two"),
        ("best_is_ahead = lambda n: compare(0.6, 0.5, n)[0] ** 2", "share the best epoch's luck"),
        (
            "best_is_ahead = lambda n: sum(binom.pmf(k, n, 0.6) * binom.cdf(k, n, 0.5) ** 2 for k in range(n + 1))",
            "Do ties count",
        ),
    ],
    [
        (
            "def tenfold(table, dataset, method):\n"
            "    row = cards.differences(table, f'{method}, 1 %', f'{method}, 10 %').loc[dataset]\n"
            "    return row['mean'], row['low'], row['high']",
            "The sign is turned",
        ),
        (
            "def tenfold(table, dataset, method):\n"
            "    row = cards.differences(table, f'{method}, 10 %', f'{method}, 1 %').loc[dataset]\n"
            "    half = 1.96 * row['std'] / row['n'] ** 0.5\n"
            "    return row['mean'], row['mean'] - half, row['mean'] + half",
            "too narrow",
        ),
        ("tenfold = lambda table, dataset, method: (0.1, 0.0, 0.2)", "is wanted"),
    ],
]
