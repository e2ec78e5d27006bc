"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        ("hits_right_to_left = lambda c: metrics.evaluate(c, torch.arange(3))['Hits@1']", "left to right"),
        ("hits_right_to_left = lambda c: metrics.evaluate(c.T, torch.arange(3))['MRR']", "is wanted"),
        ("hits_right_to_left = lambda c: metrics.evaluate(c.T, torch.arange(3))", "one number"),
    ],
    [
        ("def corrupt(c):\n    c[0, 1] = 0.95\n    c[2, 0] = 1.0\n    return c", "2 numbers differ"),
        ("def corrupt(c):\n    c[0, 0] = 0.95\n    return c", "still gets all three right"),
        ("def corrupt(c):\n    c[0, 1] = 0.95\n    return c", "Two are wrong"),
        ("corrupt = lambda c: [[1, 2], [3, 4]]", "three rows"),
    ],
    [
        ("ranks = lambda c: (c > c.diagonal()[:, None]).sum(dim=1)", "Ranks start from 1"),
        ("ranks = lambda c: (c >= c.diagonal()[:, None]).sum(dim=1) + 1", "not better than itself"),
        ("ranks = lambda c: (c > c.diagonal()[:, None]).sum(dim=0) + 1", "is wanted"),
        ("ranks = lambda c: None", "is wanted"),
    ],
]
