"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("outcomes = ['for', 'for', 'against']", "two of five runs"),
        ("outcomes = ['for', 'open', 'open']", "Compare its mean"),
        ("outcomes = ['yes', 'no', 'no']", "Three words are wanted"),
    ],
    [
        (
            "def runs_needed(std, half):\n    n = 2\n    while 1.96 * std / n**0.5 > half:\n        n += 1\n    return n",
            "You took 1.96",
        ),
        (
            "def runs_needed(std, half):\n    n = 2\n    while stats.t.ppf(0.975, n) * std / n**0.5 > half:\n"
            "        n += 1\n    return n",
            "degrees of freedom",
        ),
        ("runs_needed = lambda std, half: 5", "18"),
    ],
    [
        (
            "w_ = table.pivot(index=['dataset', 'seed'], columns='variant', values='Hits@1')\n"
            "interaction = (w_['PMF'] - w_['without L_CM']).groupby('dataset').mean()",
            "with relevance. Subtract",
        ),
        (
            "w_ = table.pivot(index=['dataset', 'seed'], columns='variant', values='Hits@1')\n"
            "interaction = ((w_['without relevance measuring'] - w_['plain'])"
            " - (w_['PMF'] - w_['without L_CM'])).groupby('dataset').mean()",
            "The sign",
        ),
        (
            "w_ = table.pivot(index=['dataset', 'seed'], columns='variant', values='Hits@1')\n"
            "interaction = (w_['PMF'] - w_['without L_CM']) - (w_['without relevance measuring'] - w_['plain'])",
            "One number per data set",
        ),
    ],
]
