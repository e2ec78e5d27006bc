"""One measurement of growth in a process of its own: time and peak memory of one operation on N entities a side.

python tests/benchmarks/growth.py OPERATION N       # prints one line of JSON
"""

import json
import sys

import torch
from worlds import peak, seconds, vectors

from pmf_minimal import metrics, relevance
from pmf_minimal.scale import block_matching, blockwise

WIDTH = 64  # narrow, so that what does not grow with the width is seen


def evaluate(left, right):
    pairs = torch.arange(0, len(left), 10)  # a tenth of the entities
    s = blockwise.Similarities(left, right)
    return [metrics.hits_and_mrr(*blockwise.count_better_and_tied(side, pairs, pairs)) for side in (s, s.T)]


OPERATIONS = {
    "relevance": relevance.best_match,
    "evaluation": evaluate,
    "greedy": lambda left, right: block_matching.match(blockwise.Similarities(left, right)),
    "CSLS, then greedy": lambda left, right: block_matching.match(blockwise.Similarities(left, right, csls_rounds=1)),
}


def main(operation, n):
    work = OPERATIONS[operation]
    work(*vectors(300, WIDTH))  # what libraries load and keep at the first call
    left, right = vectors(n, WIDTH)
    before = peak()
    clock, cpu = seconds(lambda: work(left, right))
    # the input counts as well: it is part of what N entities need
    used = peak() - before + 2 * left.nbytes
    return {"operation": operation, "entities a side": n, "seconds": clock, "cpu seconds": cpu, "bytes": used}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
