"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

WRONG = [
    [
        (
            "def bound(n, k, m, flops, bandwidth):\n"
            "    moved = n * k + k * m + n * m\n"
            "    return 'calculation' if 2 * n * k * m / flops > moved / bandwidth else 'memory'",
            "numbers, not bytes",
        ),
        (
            "def bound(n, k, m, flops, bandwidth):\n"
            "    f, b = product(n, k, m)\n"
            "    return 'calculation' if f / 2 / flops > b / bandwidth else 'memory'",
            "two operations",
        ),
        (
            "bound = lambda n, k, m, flops, bandwidth: 'calculation' if flops > bandwidth else 'memory'",
            "longer decides",
        ),
        *(
            (
                f"def bound(n, k, m, flops, bandwidth):\n"
                f"    return 'calculation' if 2 * n * k * m / flops > 4 * ({moved}) / bandwidth else 'memory'",
                "Bytes are missing",
            )
            for moved in ("n * k + k * m", "n * k + n * m", "k * m + n * m", "n * k", "k * m", "n * m")
        ),
    ],
    [
        (
            "def best_of_columns(stream, k):\n    return [block.topk(min(k, len(block)), dim=0).values for block in stream][-1]",
            "compete with the next",
        ),
        (
            "def best_of_columns(stream, k):\n    return torch.cat(list(stream)).topk(k, dim=0).values.flip(0)",
            "largest first",
        ),
        ("def best_of_columns(stream, k):\n    return next(stream).topk(k, dim=0).values", "block of one row"),
        ("def best_of_columns(stream, k):\n    return torch.cat(list(stream)).topk(k, dim=1).values", "each COLUMN"),
        ("def best_of_columns(stream, k):\n    return torch.cat(list(stream)).topk(k, dim=0).values", "every block is"),
        (
            "def best_of_columns(stream, k):\n"
            "    rows = next(stream)\n"
            "    for block in stream:\n"
            "        rows = torch.cat([rows, block])\n"
            "    return rows.topk(k, dim=0).values",
            "every block is",
        ),
        (
            "def best_of_columns(stream, k):\n"
            "    best, *others = stream\n"
            "    for block in others:\n"
            "        x = torch.cat([best, block])\n"
            "        best = x.topk(min(k, len(x)), dim=0).values\n"
            "    return best.topk(k, dim=0).values",
            "every block is",
        ),
    ],
]
