"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        (
            "def occurrences(s, k):\n    return torch.bincount(s.argmax(dim=1), minlength=3)",
            "k makes no difference",
        ),
        (
            "def occurrences(s, k):\n    return torch.bincount(s.argmax(dim=0), minlength=3)",
            "For each COLUMN",
        ),
        (
            "def occurrences(s, k):\n    return torch.bincount(s.topk(k, dim=1).indices.ravel())",
            "zeros too",
        ),
    ],
    [
        ("greedy_columns, optimal_columns = [1, 1, 1], [0, 1, 2]", "every row on its own"),
        ("greedy_columns, optimal_columns = [0, 1, 2], [0, 1, 2]", "takes 0.9 first"),
        ("greedy_columns, optimal_columns = [1, 2, 0], [1, 2, 0]", "sums to 1.7"),
    ],
    [
        ("pessimistic_mrr = lambda b, e: (1 / (b + 1)).mean()", "optimistic"),
        ("pessimistic_mrr = lambda b, e: (1 / (b + e + 1)).mean()", "One too many"),
        ("pessimistic_mrr = lambda b, e: None", "Return one number"),
    ],
]
