"""The toys of the chapters, drawn: each function shows the numbers that it is given."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.markup import Markup
from pmf_minimal.teaching.sketch import CORRECT, LEFT, RIGHT, WRONG, arrow, disc, drawing, line, word

with extra("book"):
    from IPython.display import HTML

_GREY = "#949494"


def attention(alpha: Tensor, names: list[str], caption: str) -> HTML:
    """Two graphs of three entities, with an arrow from sender to receiver as thick as the weight (chapter 2).

    Args:
        alpha: [6, 6] weights; row: receiver, column: sender.
        names: of the six entities. The last of each three is drawn on top.
        caption: what to notice.
    """
    at = [(38, 165), (138, 165), (88, 45), (222, 165), (322, 165), (272, 45)]
    parts = []
    for i, j in alpha.nonzero().tolist():
        weight, (x, y), (u, v) = float(alpha[i, j]), at[j], at[i]
        width = 14 * weight
        if i == j:
            parts.append(disc(x, y, 13 + width / 2, _GREY, hollow=True, width=width))
            continue
        length = math.dist(at[i], at[j])
        dx, dy = (u - x) / length, (v - y) / length
        side = 9  # the two directions run beside each other
        start = (x + 26 * dx - side * dy, y + 26 * dy + side * dx)
        end = (u - 26 * dx - side * dy, v - 26 * dy + side * dx)
        parts.append(arrow(start, end, LEFT if i < 3 else RIGHT, width))
    for (x, y), name in zip(at, names, strict=True):
        parts += [disc(x, y, 6, "currentColor"), word(name, x, y + 42 if y > 100 else y - 28)]
    heaviest = max((float(alpha[i, j]), names[i], names[j]) for i, j in alpha.nonzero().tolist() if i != j)
    alt = (
        f"Two triangles of {names[2]} above {names[0]} and {names[1]}, and the same in the other graph, where "
        f"{names[4]} and {names[3]} are joined too. Arrows along the edges in both directions differ in thickness; the "
        f"thickest between two entities leads from {heaviest[2]} to {heaviest[1]}."
    )
    return drawing(parts, 360, 220, alt, caption)


def arrows(left: Tensor, right: Tensor, left_names: list[str], right_names: list[str], caption: str) -> HTML:
    """Vectors of two numbers as directions from one origin (chapter 3).

    Args:
        left: [n, 2]; drawn solid, all equally long.
        right: [n', 2]; drawn dashed.
        left_names: of the left entities.
        right_names: of the right ones.
        caption: what to notice.
    """
    x, y, radius = 180, 150, 105
    parts = [line([(75, y), (285, y)], _GREY), line([(x, 40), (x, 260)], _GREY)]
    for vectors, names, colour, dashes in ((left, left_names, LEFT, "none"), (right, right_names, RIGHT, "7 4")):
        for (u, v), name in zip(torch.nn.functional.normalize(vectors).tolist(), names, strict=True):
            parts.append(arrow((x, y), (x + radius * u, y - radius * v), colour, 3, dashes))
            anchor = "middle" if abs(u) < 0.3 else "start" if u > 0 else "end"
            parts.append(word(name, x + (radius + 8) * u, y - (radius + 18) * v + 5, anchor))
    said = [
        f"{name} at {math.degrees(math.atan2(v, u)):.0f} degrees"
        for vectors, names in ((left, left_names), (right, right_names))
        for (u, v), name in zip(vectors.tolist(), names, strict=True)
    ]
    return drawing(parts, 360, 290, f"Arrows from one origin: {', '.join(said)}.", caption)


def frozen_seeks_frozen(caption: str) -> HTML:
    """The joint vectors of two candidates, one with a picture and one without (chapter 5)."""
    parts: list[Markup] = []
    for x, keeps, name, below in ((50, 1, "t", "0.9 / √2 = 0.636"), (225, 0, "v", "0.7 / 1 = 0.700")):
        y, one = 150, 90
        parts.append(arrow((x, y), (x + one, y), LEFT, 3))
        parts.append(word("structure 1", x + one / 2, y + 20))
        if keeps:
            parts += [
                line([(x + one, y), (x + one, y - one)], "#cc78bc", 3, "7 4"),
                word("picture 1", x + one + 6, y - one / 2 + 5, "start"),
                arrow((x, y), (x + one, y - one), "currentColor", 3),
                word("length √2", x + one / 2 - 12, y - one / 2 - 8, "end"),
            ]
        else:
            parts.append(word("length 1", x + one / 2, y - 12))
        parts += [word(name, x + one / 2, 32, bold=True), word(below, x + one / 2, y + 48)]
    alt = (
        "Left: the joint vector of t is the diagonal of a square whose sides are structure and picture, each of length 1, "
        "so it has length root two, and the cosine is 0.9 divided by that, 0.636. Right: the joint vector of v is the "
        "side structure alone, of length 1, and the cosine is 0.7."
    )
    return drawing(parts, 360, 215, alt, caption)


def circle(degrees: dict[str, float], caption: str) -> HTML:
    """Points of two graphs on a circle, each with an arrow to its nearest point of the other graph (chapter 6).

    Args:
        degrees: name -> angle. A name is a letter for the graph and a number for the pair, such as ``L0``.
        caption: what to notice.
    """
    radius, x, y = 125, 165, 175

    def place(angle, r=radius):
        return x + r * math.cos(math.radians(angle)), y - r * math.sin(math.radians(angle))

    parts, said = [line([place(a) for a in range(-12, 133, 3)], _GREY)], []
    for number in sorted({name[1:] for name in degrees}):
        start, end = sorted(a for name, a in degrees.items() if name[1:] == number)
        outside = radius + 34 + 8 * int(number)
        parts.append(line([place(start + k * (end - start) / 20, outside) for k in range(21)], _GREY, 4))
    for name, angle in degrees.items():
        near = min((n for n in degrees if n[0] != name[0]), key=lambda n, a=angle: abs(degrees[n] - a))
        good = near[1:] == name[1:]
        # those to the right and those to the left run at different depths
        depth = radius - (16 if name[0] == "L" else 34)
        colour, dashes = (CORRECT, "none") if good else (WRONG, "6 3")
        parts.append(arrow(place(angle, depth), place(degrees[near], depth), colour, 2.5, dashes))
        parts.append(disc(*place(angle), 7, LEFT if name[0] == "L" else RIGHT))
        u, v = place(angle, radius + 14)
        parts.append(word(name, u, v + 5, "start" if u > x else "middle", bold=True))
        said.append(f"{name} at {angle:.0f} degrees takes {near}{'' if good else ', wrongly'}")
    return drawing(parts, 360, 205, f"Four points on a circle: {'; '.join(said)}.", caption)


def counters(rounds: list[list[list[float]]], to_pass: int) -> dict[tuple[int, int], list[int | None]]:
    """The counter of every pair that was ever mutual, round by round (chapter 9).

    Args:
        rounds: a matrix of similarities for each round, as lists.
        to_pass: rounds of probation.

    Returns:
        Pair -> its counter in each round, None once one of its two entities is a seed.
    """
    rows, columns, now = set(range(len(rounds[0]))), set(range(len(rounds[0][0]))), {}
    history: dict[tuple[int, int], list[int | None]] = {(i, j): [] for i in rows for j in columns}
    for s in rounds:
        best = {i: max(columns, key=lambda j: s[i][j]) for i in rows}  # noqa: B023, called at once
        back = {j: max(rows, key=lambda i: s[i][j]) for j in columns}  # noqa: B023
        now = {(i, j): now.get((i, j), 0) + 1 for i, j in best.items() if back[j] == i}
        for (i, j), entry in history.items():
            entry.append(now.get((i, j), 0) if i in rows and j in columns else None)
        for i, j in [pair for pair, count in now.items() if count >= to_pass]:
            rows.discard(i), columns.discard(j)
    return {pair: entry for pair, entry in history.items() if any(entry)}


def probation(rounds: list[list[list[float]]], to_pass: int, caption: str) -> HTML:
    """:func:`counters` as a timeline, a line for each pair."""
    found = counters(rounds, to_pass)
    step, top, parts, said = 68, 50, [], []
    parts += [word(f"round {t + 1}", 110 + step * t, 24) for t in range(len(rounds))]
    for number, (pair, entry) in enumerate(found.items()):
        y, name = top + 40 * number, f"({pair[0]}, {pair[1]})"
        parts += [word(name, 62, y + 5, "end"), line([(110, y), (110 + step * (len(rounds) - 1), y)], _GREY)]
        for t, count in enumerate(entry):
            x, before = 110 + step * t, entry[t - 1] if t else 0
            if count and count >= to_pass:
                parts += [disc(x, y, 14, CORRECT), _white("★", x, y + 5)]
            elif count:
                parts += [disc(x, y, 12, LEFT), _white(str(count), x, y + 5)]
            elif count == 0 and before:
                parts.append(disc(x, y, 9, WRONG, hollow=True))
        said.append(f"{name}: {', '.join('gone' if count is None else str(count) for count in entry)}")
    return drawing(parts, 360, top + 40 * len(found) - 12, f"Counters by round. {'; '.join(said)}.", caption)


def _white(text: str, x: float, y: float) -> Markup:
    """A white word, for the inside of a disc."""
    return Markup(word(text, x, y, bold=True).replace("currentColor", "#fff"))
