"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("ahead, points = 'second', 1.2", "order of the means"),
        ("ahead, points = 'first', 1.2", "but by"),
        ("ahead, points = 'A', 1", 'is "first" or'),
    ],
    [
        (
            "def hits_at_1_among(s, allowed):\n"
            "    return (s[allowed].argmax(dim=1) == torch.tensor(allowed)).float().mean()",
            "not allowed",
        ),
        (
            "def hits_at_1_among(s, allowed):\n"
            "    part = s[allowed][:, allowed]\n"
            "    return (part.diagonal() >= part.max(dim=1).values).float().mean()",
            "A tie is no hit",
        ),
        (
            "def hits_at_1_among(s, allowed):\n"
            "    part = s[allowed][:, allowed]\n"
            "    return (part.argmax(dim=1) == torch.arange(len(part))).sum() / len(s)",
            "divide by their number",
        ),
    ],
    [
        (
            "def report(looks):\n"
            "    best = looks.groupby('run')[['left to right', 'right to left']].max()\n"
            "    return best.mean(axis=1).mean()",
            "Both directions now",
        ),
        (
            "def report(looks):\n"
            "    chosen = looks.loc[looks.groupby('run')['valid MRR'].idxmax()]\n"
            "    return chosen[['left to right', 'right to left']].max(axis=1).mean()",
            "Take the mean of both",
        ),
        (
            "def report(looks):\n"
            "    best = looks.loc[looks['valid MRR'].idxmax()]\n"
            "    return (best['left to right'] + best['right to left']) / 2",
            "One epoch for each run",
        ),
    ],
]
