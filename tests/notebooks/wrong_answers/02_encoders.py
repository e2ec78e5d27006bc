"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

EDGES = "edges = edge_index.T.tolist()\n"

WRONG = [
    [
        (EDGES + "senders_to = lambda row, k: sorted({row} | {t for h, t in edges if h == row})", "both directions"),
        (
            EDGES
            + "senders_to = lambda row, k: sorted({t for h, t in edges if h == row} | {h for h, t in edges if t == row})",
            "no layer at all",
        ),
        (
            EDGES
            + "senders_to = lambda row, k: sorted({row}.union(*({h, t} for h, t in edges if k and row in (h, t))))",
            "one step",
        ),
        ("senders_to = lambda row, k: 3", "a list"),
    ],
    [
        ("backward = lambda a, x, g: (g @ x.T, a.T @ g)", "dense N x N"),
        ("backward = lambda a, x, g: ((g @ x.T) * (a > 0), a @ g)", "transpose a"),
        ("backward = lambda a, x, g: a.T @ g", "two tensors"),
    ],
    [
        ("count = lambda n, d, widths: 12 * d + sum(w * d + d for w in widths)", "entities' own vectors"),
        ("count = lambda n, d, widths: n * d + 12 * d + sum(w * d for w in widths)", "biases"),
        ("count = lambda n, d, widths: n * d + sum(w * d + d for w in widths)", "attention layers"),
        ("count = lambda n, d, widths: n * d + 6 * d + sum(w * d + d for w in widths)", "You count"),
    ],
    [
        (
            "weights_of = lambda s, r: (-leaky_relu(s, 0.2)).masked_fill(~r, -torch.inf).softmax(dim=0)",
            "columns add up",
        ),
        (
            "weights_of = lambda s, r: leaky_relu(s, 0.2).masked_fill(~r, -torch.inf).softmax(dim=1)",
            "minus sign is gone",
        ),
        ("weights_of = lambda s, r: (-leaky_relu(s, 0.2)).masked_fill(~r, -torch.inf).exp()", "must add up to 1"),
        ("weights_of = lambda s, r: 1", "six rows"),
    ],
]
