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
        (
            "def best_witness(h, w, rows, columns):\n    return torch.stack([x[rows] @ x[columns].T for x in h.values()]).amax(dim=0)",
            "must not count",
        ),
        (
            "def best_witness(h, w, rows, columns):\n    return torch.stack([x[rows] @ x[columns].T for x in h.values()]).mean(dim=0)",
            "That is the mean",
        ),
        ("best_witness = lambda h, w, r, c: torch.zeros(3)", "Return a matrix"),
    ],
]
