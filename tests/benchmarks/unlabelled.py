"""Are the pairs that a model finds among entities without a known counterpart wrong? Ask the names, which it never saw.

DBP15K ZH-EN knows the counterparts of 15,000 entities of 19,388. ``python tests/benchmarks/unlabelled.py FOLDER`` (of the benchmarks)
prints, for the pairs that propagation adds after one pass, how alike their names are: the translated Chinese and the English one.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal import fit, load

ALIKE = 0.5  # share of common pairs of letters (Dice)


def letter_pairs(name):
    """Pairs of adjacent letters and digits, accents and case aside."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    plain = re.sub(r"[^a-z0-9]", "", plain)
    return {plain[k : k + 2] for k in range(len(plain) - 1)}


def main(root):
    translated = json.loads((root / "DBP15K/translated_ent_name/dbp_zh_en.json").read_text("utf-8"))
    translated = {int(k): " ".join(words) for k, words in translated}
    graphs = load("dbp15k/zh_en", root).split(0, None, 0.0)
    run = fit(graphs, model="propagation", iterative_epochs=1)
    partner, seeds = run.model.encoders["structure"].partner.tolist(), set(graphs.train[:, 0].tolist())
    of_left = dict(graphs.test.tolist())
    of_right = {right: left for left, right in of_left.items()}
    kinds = {"right": [], "wrong": [], "neither is known": []}
    for left, right in enumerate(partner[: graphs.n_left]):
        if right >= 0 and left not in seeds:
            known = left in of_left or right in of_right
            kind = "neither is known" if not known else "right" if of_left.get(left) == right else "wrong"
            kinds[kind].append((left, right))
    left, right = zip(*kinds["neither is known"], strict=True)
    kinds["neither is known, shuffled"] = list(zip(left, np.random.default_rng(0).permutation(right), strict=True))
    rows = []
    for kind, pairs in kinds.items():
        names = [
            (letter_pairs(translated.get(int(graphs.source_ids[i]), "")), letter_pairs(graphs.entity_names[j]))
            for i, j in pairs
        ]
        alike = np.mean([2 * len(a & b) > ALIKE * (len(a) + len(b)) for a, b in names])
        rows.append({"added pairs": kind, "pairs": len(pairs), "names alike": round(float(alike), 3)})
    print(pd.DataFrame(rows).to_csv(index=False), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
