"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

COSINE = "cosine = lambda left, right: normalize(left) @ normalize(right).T\n"

WRONG = [
    [
        ("frozen_count = lambda alpha, delta: (alpha < delta).sum()", "that one is frozen"),
        ("frozen_count = lambda alpha, delta: (alpha <= delta).float().mean().item()", "the number is wanted"),
        ("frozen_count = lambda alpha, delta: (alpha <= delta).sum() if delta < alpha.max() else 0", "turns its sign"),
        ("frozen_count = lambda alpha, delta: alpha <= delta", "one number"),
        ("frozen_count = lambda alpha, delta: (alpha > delta).sum()", "stay active"),
    ],
    [
        ("chosen_back = lambda left, right: best_match(left, right)[0] > 0.5", "choose the dragon back"),
        (
            COSINE
            + "def chosen_back(left, right):\n    c = cosine(left, right)\n    return c.argmax(dim=1) == c.argmax(dim=0)",
            "You get",
        ),
        ("chosen_back = lambda left, right: True", "three truth values"),
    ],
    [
        ("best_of_left = lambda left, right: (left @ right.T).amax(dim=1)", "dot products"),
        (COSINE + "best_of_left = lambda left, right: cosine(left, right).amax(dim=0)", "the right entities"),
        (COSINE + "best_of_left = lambda left, right: cosine(left, right).amin(dim=1)", "Wanted"),
        ("best_of_left = lambda left, right: None", "one number per left entity"),
    ],
]
