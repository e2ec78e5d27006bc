"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("biggest = lambda parts: int(np.argmax(np.abs(parts)))", "absolute"),
        ("biggest = max", "a place"),
    ],
    [
        ("precision = lambda right, wrong, false_matches: right / (right + wrong)", "false_matches are missing"),
        ("precision = lambda right, wrong, false_matches: right / 10", "recall"),
    ],
    [
        (
            "equal_names = lambda a, b: [(i, j) for i, x in enumerate(a) for j, y in enumerate(b) if x.lower() == y.lower()]",
            "twice",
        ),
        (
            "equal_names = lambda a, b: [(i, j) for i, x in enumerate(a) for j, y in enumerate(b) if x == y and a.count(x) == 1]",
            "capitals",
        ),
    ],
]
