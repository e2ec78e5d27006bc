"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

PUSH = "s = (negatives / temperature).softmax(0).sort(descending=True).values.cumsum(0)"

WRONG = [
    [
        (
            "def pushed(negatives, temperature):\n"
            "    s = negatives.softmax(0).sort(descending=True).values.cumsum(0)\n"
            "    return int((s < 0.5).sum()) + 1",
            "temperature makes no difference",
        ),
        (f"def pushed(negatives, temperature):\n    {PUSH}\n    return int((s < 0.5).sum())", "One short"),
        (
            f"def pushed(negatives, temperature):\n    {PUSH.replace('descending=True', '')}\n"
            "    return int((s < 0.5).sum()) + 1",
            "Hardest first",
        ),
        (f"def pushed(negatives, temperature):\n    {PUSH}\n    return s", "Return one number"),
    ],
    [
        ("start_of_agreement = lambda batch: math.log(batch)", "the row only"),
        ("start_of_agreement = lambda batch: math.log(2 * batch)", "counts the positive twice"),
        ("start_of_agreement = lambda batch: 2 * batch - 1", "is wanted"),
        ("start_of_agreement = lambda batch: 'much'", "one number"),
    ],
    [
        (
            "separate_logs = lambda a, b, t: -log_matches_of_kinds(a, b, t, 'across')[1]",
            "from right to left only",
        ),
        ("separate_logs = lambda a, b, t: -sum(log_matches_of_kinds(a, b, t, 'across'))", "return their sum"),
        ("separate_logs = lambda a, b, t: -sum(log_matches_of_kinds(a, b, t, 'both')) / 2", "own graph"),
        ("separate_logs = lambda a, b, t: loss_of_kinds('across')(a, b, t, 'joint')", "joint logarithm"),
        (
            "def separate_logs(a, b, t):\n    s = a @ b.T / t\n"
            "    return -(s.log_softmax(1).diagonal() + s.log_softmax(0).diagonal()) / 2",
            "normalised",
        ),
    ],
    [
        ("contented = lambda: [0, 65, 40, 110]", "No direction is below 0.01"),
        ("contented = lambda: [0, 90, 90, 0]", "No direction is above 0.9"),
        ("contented = lambda: [0, 65, 40]", "four numbers"),
    ],
]
