"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        (
            "bag_of = lambda row: torch.bincount(edge_type[edge_index[0] == row], minlength=3).tolist()",
            "count tails as well",
        ),
        ("bag_of = lambda row: torch.bincount(edge_type[(edge_index == row).any(0)]).tolist()", "minlength"),
        ("bag_of = lambda row: [1, 1, 1]", "is right"),
    ],
    [
        ("expected_reciprocal_rank = lambda b, e: 1 / (b + (e + 1) / 2)", "over the expected rank"),
        ("expected_reciprocal_rank = lambda b, e: 1 / (b + 1)", "optimistic"),
        ("expected_reciprocal_rank = lambda b, e: 1 / (b + e)", "pessimistic"),
        ("expected_reciprocal_rank = lambda b, e: (1 / 5 + 1 / 6 + 1 / 7) / 3", "better + equal"),
    ],
    [
        (
            "split_pairs = lambda p, seed: (p[:30], p[30:36], p[30:])",
            "Now the validation pairs are test pairs",
        ),
        ("split_pairs = lambda p, seed: (p[6:30], p[:6], p[31:])", "in no part"),
        ("split_pairs = lambda p, seed: p", "three tensors"),
    ],
]
