"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        (
            "def added_in(r, p):\n    n = 0\n    for i in range(1, 9):\n        n = n + 1 if i in r else 0\n        if n >= min(p, 3): return i",
            "return None",
        ),
        ("added_in = lambda r, p: None", "2 is right"),
    ],
    [
        (
            "from pmf_minimal.matching import mutual\ndef estimated_precision(s, right):\n    r, c = mutual(s).T\n    return (right[r] == c).sum() / len(s)",
            "Divide by the mutual pairs",
        ),
        (
            "def estimated_precision(s, right):\n    return (s.argmax(dim=1) == right).float().mean()",
            "would not be",
        ),
        ("estimated_precision = lambda s, r: 1.0", "0.5, not 1.000"),
    ],
    [
        (
            "def still_mutual(a, s):\n    return a[s.argmax(dim=1)[a[:, 0]] == a[:, 1]]",
            "both directions must hold",
        ),
        (
            "from pmf_minimal.matching import mutual\ndef still_mutual(a, s):\n    return mutual(s)",
            "only those among",
        ),
    ],
]
