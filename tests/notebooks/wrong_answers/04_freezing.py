"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        (
            "freezes_at = lambda alpha: next((t for t in range(20) if alpha < threshold(t)), None)",
            "with <=",
        ),
        (
            "freezes_at = lambda alpha: next((t for t in range(20) if alpha <= threshold(t)), 19)",
            "never exceeds 0.9",
        ),
        (
            "freezes_at = lambda a: next((t + 1 for t in range(20) if a <= threshold(t)), None)",
            "Count from 0",
        ),
        ("freezes_at = lambda alpha: [t for t in range(20) if alpha <= threshold(t)][0]", "It raises an error"),
    ],
    [
        ("cool = lambda h, share: share[:, None] * h", "The values have changed"),
        (
            "def cool(h, share):\n    s = 1 - share[:, None]\n    return s * h + (1 - s) * h.detach()",
            "wrong way round",
        ),
        ("cool = lambda h, share: h", "All of the gradient"),
        ("cool = lambda h, share: h.detach()", "no gradient gets through"),
    ],
    [
        ("sealed = lambda alphas, deltas: alphas[-1] > deltas[-1]", "the last scoring alone"),
        ("sealed = lambda alphas, deltas: (alphas > deltas[:, None]).any(dim=0)", "Above δ once"),
        ("sealed = lambda alphas, deltas: (alphas <= deltas[:, None]).any(dim=0)", "These are the frozen"),
    ],
]
