"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
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
        ("stop_frozen = lambda h, w: (w > 0)[:, None] * h", "The values have changed"),
        ("stop_frozen = lambda h, w: h.detach()", "no row gets any gradient"),
        ("stop_frozen = lambda h, w: h", "Clock and flag"),
    ],
]
