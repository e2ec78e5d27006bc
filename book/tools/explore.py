"""Write what the page book/explore.md shows where its script does not run, from the stored embeddings it plays with.

    python book/tools/explore.py

That is: the sheets of pictures, the figure for print, and in the page the numbers of its six steps (every element with
``data-of``, and the table), all computed by the package. :func:`compute` is also what the tests compare the script with.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import torch
from explore_data import DATA, FOLDER, Stored
from PIL import Image
from torch.nn.functional import normalize

from pmf_minimal.beyond.evidence import Evidence
from pmf_minimal.datasets.emoji import TILE, _noise, pictures
from pmf_minimal.freezing import active
from pmf_minimal.fusion import FUSIONS, fuse
from pmf_minimal.matching import match, similarity
from pmf_minimal.metrics import count_better_and_tied, evaluate
from pmf_minimal.relevance import score

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "explore.md"
FIGURE = FOLDER / "figure.webp"
SHOWN = "threshold"  # the step that the figure shows
MODALITIES = ("structure", "relation", "attribute", "image")
OTHERS_DELTA = 0.1  # the threshold grows for pictures only, as in the preset ``quick``
COLUMNS = 10  # tiles in a row of a sheet; below the entities' own stands a row of noise
QUALITY = {"quality": 80, "alpha_quality": 80, "method": 6}


@dataclass(frozen=True)
class State:
    """What the reader has set, by the names and values that the page's address has."""

    step: int = 4
    delta: float = 0.0
    freeze: str = "score"
    fusion: str = "none"
    csls: int = 0
    match: str = "row"
    on: str = "srai"
    show: int = 0
    edits: str = ""
    hand: str = ""

    @classmethod
    def parse(cls, text):
        """From an address such as ``delta=0.6&fusion=keep``."""
        kinds = {name: type(value) for name, value in vars(cls()).items()}
        return cls(**{name: kinds[name](value) for name, value in parse_qsl(text, keep_blank_values=True)})


@dataclass
class Result:
    """What the package makes of a state; entities are the left ones, then the right ones."""

    relevance: dict  #: modality -> float64 [2 n]
    scores: torch.Tensor  #: float64 [n, n]
    matches: torch.Tensor  #: int64 [P, 2]
    bad: torch.Tensor  #: bool [2 n], pictures that are not the entity's own
    here: torch.Tensor  #: bool [2 n], entities with a picture that takes part
    frozen: torch.Tensor  #: bool [2 n], pictures
    figures: dict = field(default_factory=dict)  #: name -> number, as the page shows them


def sources(edits, stored):
    """int64 ``[2 n]``: whose picture each entity shows; 2 n more for noise, -1 for none. ``many`` are the stored ones."""
    count = 2 * len(stored.counterpart)
    out = torch.arange(count)
    for entity, kind, other in re.findall(r"(\d+)(n|x|-)(\d*)", stored.corrupted if edits == "many" else edits):
        out[int(entity)] = {"n": int(entity) + count, "x": -1}.get(kind, int(other or 0))
    return out


def compute(stored, state):
    """A state by the package's functions, in double precision."""
    h = dict(zip(MODALITIES, stored.embeddings[state.step].double(), strict=True))
    w_learnt = dict(zip(MODALITIES, stored.reliability[state.step], strict=True))
    count = h["image"].shape[0]
    n, source = count // 2, sources(state.edits, stored)
    every = torch.arange(count)
    shown = source.clamp(min=0)
    h["image"] = torch.cat([h["image"], stored.noise[state.step].double()])[shown]
    w_learnt["image"] = torch.cat([w_learnt["image"], stored.noise_reliability[state.step]])[shown]
    here, bad = source >= 0, (source >= 0) & (source != every)
    mask = {m: torch.full((count,), m[0] in state.on) for m in MODALITIES}
    mask["image"] = mask["image"] & here
    h = {m: normalize(x) * mask[m][:, None] for m, x in h.items()}

    if state.freeze == "truth":
        w = {m: (mask[m] & ~bad if m == "image" else mask[m]).double() for m in h}
    else:
        w = {m: score(x, mask[m], n, state.delta if m == "image" else OTHERS_DELTA) for m, x in h.items()}
    w["image"][[int(e) for e in state.hand.split(".") if e]] = 0
    # Evidence weighs by what was learnt; frozen features say nothing.
    weigh = {m: w_learnt[m] * active(w[m]) if state.fusion == "evidence" else w[m] for m in w}
    counts = {m: FUSIONS[state.fusion].weights(weigh[m], mask[m]).double() for m in w}
    left, right = fuse(h, counts).split(n)
    if state.fusion == "evidence":
        scores = Evidence(left, right, stored.temperatures[state.step], csls_rounds=state.csls).dense
    else:
        scores = similarity(left, right, csls_rounds=state.csls)
    scores = scores.float().double()  # what differs by rounding only is a tie
    result = Result(w, scores, match(scores, state.match), bad, mask["image"], mask["image"] & ~active(w["image"]))
    result.figures = figures(stored, result, counts["image"]) | chosen(stored, result, state.show)
    return result


def figures(stored, result, counts):
    """The numbers that the page shows of a state, given what each picture counts in the comparison, float ``[2 n]``."""
    n, counterpart = len(result.scores), stored.counterpart
    quality = evaluate(result.scores, counterpart)
    better, tied = count_better_and_tied(result.scores, counterpart)
    hit = (better == 0) / tied
    lost = (counts[:n] == 0).long() + (counts[n:][counterpart] == 0).long()
    found = {"hits": quality["Hits@1"], "mrr": quality["MRR"]}
    found["right"] = int((counterpart[result.matches[:, 0]] == result.matches[:, 1]).sum())
    found["matched"] = len(result.matches)
    for name, kind in (("good", ~result.bad), ("bad", result.bad)):
        found[name], found[f"all {name}"] = int((result.frozen & kind).sum()), int((result.here & kind).sum())
    for k, name in enumerate(("none", "one", "both")):
        found[f"{name} lost"] = int((lost == k).sum())
        found[f"hits {name} lost"] = float(hit[lost == k].mean()) if (lost == k).any() else float("nan")
    return found


def chosen(stored, result, e):
    """Score of the chosen entity's picture, rank of its counterpart, and what is nearest to it."""
    n = len(result.scores)
    row, own, names = result.scores[e % n], stored.counterpart[e % n], stored.names[1]
    if e >= n:
        row, own, names = result.scores[:, e - n], stored.counterpart.argsort()[e - n], stored.names[0]
    better, tied = (int(x) for x in count_better_and_tied(row[None], own[None]))
    rank = better + (tied + 1) / 2
    w = float(result.relevance["image"][e])
    return {"w": w, "rank": int(rank) if rank == int(rank) else rank, "winner": names[int(row.argmax())]}


def steps(text):
    """Name -> address of the state of every step of the tour, as the page has them."""
    found = re.findall(r'<span data-name="([\w-]+)" data-state="([^"]*)"', text)
    return {name: address.replace("&amp;", "&") for name, address in found}


def fill(text, stored):
    """The page with its numbers computed anew."""
    states = steps(text)

    def number(match):
        state = State.parse(f"{states[match[1]]}&{match[2].replace('&amp;', '&')}")
        return f"{match[0][: match.start(4) - match.start()]}{shown(compute(stored, state).figures[match[3]])}<"

    text = re.sub(r'<b data-of="([\w-]+)" data-with="([^"]*)" data-what="([\w ]+)">([^<]*)<', number, text)
    rows = ["| step | Hits@1 | MRR | frozen, good | frozen, bad | no picture lost | one lost | both lost |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for name, address in states.items():
        f = compute(stored, State.parse(address)).figures
        title = re.search(rf'### (.*)\n+<span data-name="{name}"', text)[1]
        cells = [title, shown(f["hits"]), shown(f["mrr"])]
        cells += [f"{f[kind]} of {f[f'all {kind}']}" for kind in ("good", "bad")]
        for side in ("none", "one", "both"):
            count = f[f"{side} lost"]
            cells.append(f"{shown(f[f'hits {side} lost'])} ({count})" if count else "–")
        rows.append(f"| {' | '.join(cells)} |")
    table = "\n".join(rows)
    return re.sub(r"(?<=% numbers\n\n).*?(?=\n\n% end)", lambda _: table, text, flags=re.DOTALL)


def shown(value):
    """A count or a name as it is, a share with two digits and no nought before the point, as the page writes it."""
    return str(value) if isinstance(value, int | str) else f"{value:.2f}".removeprefix("0")


def sheets(stored):
    """The pictures of the left and of the right entities, and ten pictures of noise below: RGBA, 10 by 7 tiles."""
    of = pictures("emoji/fr_en")
    for uris in stored.uris:
        tiles = [of[uri] for uri in uris] + [_noise(uri) for uri in uris[:COLUMNS]]
        sheet = Image.new("RGBA", (COLUMNS * TILE, len(tiles) // COLUMNS * TILE))
        for k, tile in enumerate(tiles):
            sheet.paste(tile, (k % COLUMNS * TILE, k // COLUMNS * TILE))
        yield sheet


def figure(stored, state, both):
    """All pairs in a state, as the page shows them: RGB, frozen pictures grey, a frame around wrong matches, a dot at bad pictures."""
    result = compute(stored, state)
    n, gap, across = len(result.scores), 12, 5
    matched = dict(result.matches.tolist())
    source = sources(state.edits, stored).tolist()
    wide, high = 2 * TILE + gap, TILE + gap
    out = Image.new("RGB", (across * wide + gap, n // across * high + gap), "white")
    for i in range(n):
        x, y = gap + i % across * wide, gap + i // across * high
        if matched.get(i) != int(stored.counterpart[i]):
            out.paste("#d55e00", (x - 5, y - 5, x + 2 * TILE + 5, y + TILE + 5))
            out.paste("white", (x - 3, y - 3, x + 2 * TILE + 3, y + TILE + 3))
        for side, e in enumerate((i, n + int(stored.counterpart[i]))):
            if source[e] < 0:
                continue
            k = source[e] % n if source[e] < 2 * n else n + e % COLUMNS
            tile = both[side].crop(
                (k % COLUMNS * TILE, k // COLUMNS * TILE, (k % COLUMNS + 1) * TILE, (k // COLUMNS + 1) * TILE)
            )
            if result.frozen[e]:
                faint = tile.getchannel("A").point(lambda a: a * 22 // 100)
                tile = tile.convert("L").convert("RGBA")
                tile.putalpha(faint)
            out.paste(tile, (x + side * TILE, y), tile)
            if result.bad[e]:
                out.paste("#d55e00", (x + side * TILE + TILE - 10, y, x + side * TILE + TILE, y + 10))
    return out


def main():
    stored = Stored.read(DATA)
    both = list(sheets(stored))
    for name, sheet in zip(("left", "right"), both, strict=True):
        sheet.save(FOLDER / f"{name}.webp", "WEBP", **QUALITY)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(fill(text, stored), encoding="utf-8", newline="\n")
    figure(stored, State.parse(steps(text)[SHOWN]), both).save(FIGURE, "WEBP", quality=70, method=6)


if __name__ == "__main__":
    main()
