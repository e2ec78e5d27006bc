"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

HIT = "(concatenated(h, truth, test).argmax(dim=1) == torch.arange(len(test))).float()"
LEFT = "truth['image'][test].sum(dim=1)"

WRONG = [
    [
        (f"by_group = [float({HIT}[{LEFT} == k].mean()) for k in (0, 1, 2)]", "The other way round"),
        ("by_group = [0.5, 0.4]", "Three numbers are wanted"),
        ("by_group = 'the middle one'", "Three numbers are wanted"),
        ("by_group = [0.9, 0.9, 0.9]", "Not these"),
    ],
    [
        ("cost = math.log(1 - 0.36)", "The sign"),
        ("cost = -math.log(1 - 0.6)", "Both pictures must be of use"),
        ("cost = -math.log(0.36)", "the probability that both are of use"),
        ("cost = 0.6", "put r = 0"),
        ("cost = 'much'", "put r = 0"),
    ],
    [
        ("both_good = lambda log_r, w_i, w_j: w_i * w_j * log_r.exp()", "Divide by that of both"),
        ("both_good = lambda r, w_i, w_j: w_i * w_j * r / (1 - w_i * w_j + w_i * w_j * r)", "logarithm of r"),
        ("both_good = lambda log_r, w_i, w_j: w_i * w_j * math.exp(log_r)", "It ends with an error"),
        ("both_good = lambda log_r, w_i, w_j: w_i * w_j", "three probabilities"),
        ("both_good = lambda log_r, w_i, w_j: w_i * log_r.exp() / (1 - w_i + w_i * log_r.exp())", "Bayes"),
    ],
]
