"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("cosine_changes, order_changes = True, True", "what is left of the"),
        ("cosine_changes, order_changes = False, True", "what could change the order"),
        ("cosine_changes, order_changes = True, False", "what is left of the"),
    ],
    [
        (
            "def shares(i, j):\n    return [w[i] * w[j] * (x[i] @ x[j]) for w, x in ((w_structure, structure), (w_image, image))]",
            "Divide by the lengths",
        ),
        (
            "def shares(i, j):\n    n = joint[i].norm() * joint[j].norm()\n    return [w[i] * (x[i] @ x[j]) / n for w, x in ((w_structure, structure), (w_image, image))]",
            "of both sides count",
        ),
        ("shares = lambda i, j: [0.9]", "two numbers"),
    ],
    [
        ("on_shared = lambda h, w, r, c: shared_parts(h, w, r, c) * 2", "twice 0.96"),
        (
            "def on_shared(h, w, r, c):\n    up = sum((w[m][r][:, None] * x[r]) @ (w[m][c][:, None] * x[c]).T for m, x in h.items())\n"
            "    return up / sum(w[m][c] for m in h)",
            "other direction",
        ),
        ("on_shared = lambda h, w, r, c: None", "Return a matrix"),
    ],
]
