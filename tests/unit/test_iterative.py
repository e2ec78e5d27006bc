"""Probation: a pair has to be mutually nearest several rounds in a row."""

import torch
from toys import tiny, toy

from pmf_minimal.iterative import Probation


class Scripted:
    """Stands for a model: an embedding per round, in which the given entities coincide."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)

    def embed(self):
        """i and its twin share a direction of their own; everybody else has one too."""
        h = torch.eye(12)
        for left, right in self.rounds.pop(0):
            h[right] = h[left]
        return {"joint": h}


def collect(*rounds, probation=2, **changes):
    """Rows of the added pairs after each round; seeds are 0-6, 1-7, 2-8, validation 3-9, test 4-10, 5-11."""
    graphs = toy()
    keeper = Probation(graphs, tiny(probation=probation, **changes))
    model, found = Scripted(*rounds), []
    for _ in rounds:
        record = keeper.collect(model)
        found.append((record["added"], record["added correct"]))
    return keeper.train[3:].tolist(), found


def test_added_after_enough_rounds():
    pairs = [(4, 10), (5, 11)]
    train, found = collect(pairs, pairs, pairs)
    assert train == [[4, 10], [5, 11]] and found == [(0, 0), (2, 2), (0, 0)]


def test_a_missed_round_starts_anew():
    train, found = collect([(4, 10)], [(4, 11)], [(4, 10)], [(4, 10)])
    assert (
        [4, 10] in train and found[2][0] == 0 and found[3] == (len(train), sum(p in ([4, 10], [5, 11]) for p in train))
    )


def test_wrong_pairs_are_counted_as_wrong():
    train, found = collect([(4, 11), (5, 10)], probation=1)
    assert train == [[4, 11], [5, 10]] and found == [(2, 0)]


def test_seeds_and_validation_pairs_are_taken():
    """Nobody who has a known counterpart is matched again, nor are validation entities ever learnt from."""
    train, _ = collect([(0, 10), (3, 11), (3, 9), (4, 6)], probation=1, candidates="all")
    assert not {0, 3, 6, 9} & {i for pair in train for i in pair}
