"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("plateau = lambda t, n: min(t / 10, 1, (100 - t) / 20)", "wrong for 200"),
        ("plateau = lambda t, n: t / (0.1 * n) if t < 50 else (n - t) / (0.2 * n)", "must not exceed 1"),
        ("plateau = lambda t, n: min(t / (0.1 * n), 1, (n - t) / (0.1 * n))", "The way down begins"),
        ("plateau = lambda t, n: min(t / (0.15 * n), 1, (n - t) / (0.2 * n))", "is wanted"),
        ("plateau = lambda t, n: 'up'", "Return one number"),
    ],
    [
        ("epoch_of_maximum = lambda f, s, x, m: f + int(math.log(m / s, x))", "One early"),
        ("epoch_of_maximum = lambda f, s, x, m: math.ceil(math.log(m / s, x))", "number of growths"),
        ("epoch_of_maximum = lambda f, s, x, m: f + math.ceil(m / s / x)", "is wanted"),
        ("epoch_of_maximum = lambda f, s, x, m: 'late'", "Return one number"),
    ],
    [
        (
            "weigh_features = lambda h, a, d: relevance.relevance(a, d)[:, None] * normalize(h)",
            "reaches alpha through w",
        ),
        (
            "weigh_features = lambda h, a, d: (relevance.relevance(a, d)[:, None] * normalize(h)).detach()",
            "nothing trains any more",
        ),
        ("weigh_features = lambda h, a, d: relevance.relevance(a, d).detach()[:, None] * h", "The values differ"),
        ("weigh_features = lambda h, a, d: relevance.relevance(a, d).detach()", "shape of h"),
        (
            "weigh_features = lambda h, a, d: relevance.relevance(a, d)[:, None] * normalize(h.detach())",
            "reaches alpha through w",
        ),
    ],
]
