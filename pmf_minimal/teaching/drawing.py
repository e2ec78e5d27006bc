"""The picture behind a slider: axes, lines, and the marks that move, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.markup import Markup, data_uri, fill, join
from pmf_minimal.teaching.plots import COLOURS, PALETTE

with extra("book"):
    from matplotlib.colors import to_hex

# The plot, in units of the SVG's own; shown as wide as there is room, up to a quarter larger.
LEFT, TOP, WIDTH, HEIGHT = 40, 12, 424, 196
# Told apart without colours too.
DASHES = {"none": "solid", "8 4": "dashed", "2 4": "dotted", "12 4 2 4": "dash-dot"}
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
    'font-family="sans-serif" font-size="14" fill="#222">{body}</svg>'
)


def picture(body: list[Markup]) -> str:
    """The address of the whole picture, for an ``<img>``."""
    return _uri(fill(SVG, width=LEFT + WIDTH + 16, height=TOP + HEIGHT + 26, body=join(body)))


def bar(x: list[float], k: int) -> Markup:
    """The vertical bar that marks the position."""
    places = [f"{u:.0f},0" for u in x]
    return fill('<path d="M0 {top}v{height}" stroke="#555" {mark}/>', top=TOP, height=HEIGHT, mark=_mark(places, k))


@dataclass(frozen=True)
class Line:
    """A column of numbers: where each of its values lies in the plot, None for a gap, and how the line looks."""

    points: list[tuple[float, float] | None]
    dash: Markup
    kind: str
    colour: str

    @classmethod
    def of(cls, values: pd.Series, number: int, x: list[float], limits: tuple[float, float]) -> Line:
        (pattern, kind), (low, high) = list(DASHES.items())[number], limits
        colour = to_hex(COLOURS.get(values.name, PALETTE[number]))
        dash = fill('stroke="{c}" stroke-width="3" stroke-dasharray="{pattern}"', c=colour, pattern=pattern)
        points = [
            None if math.isnan(v) else (u, TOP + HEIGHT * (high - v) / (high - low))
            for u, v in zip(x, values, strict=True)
        ]
        return cls(points, dash, kind, colour)

    def drawing(self, k: int) -> Markup:
        """The line, and the dot on it that the slider moves."""
        path = "".join(
            f"{'L' if i and self.points[i - 1] else 'M'}{p[0]:.0f} {p[1]:.1f}" for i, p in enumerate(self.points) if p
        )
        places = [f"{p[0]:.0f},{p[1]:.1f}" if p else "-" for p in self.points]
        return fill(
            '<path d="{path}" fill="none" {dash}/><circle r="6" fill="{colour}" {mark}/>',
            path=path,
            dash=self.dash,
            colour=self.colour,
            mark=_mark(places, k),
        )

    def sample(self) -> Markup:
        """A short piece of the line for the legend."""
        svg = fill(
            '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="8"><path d="M0 4h40" {dash}/></svg>',
            dash=self.dash,
        )
        return fill(
            '<img src="{source}" alt="{kind} line:" width="40" height="8" style="display:inline;margin:0"> ',
            source=_uri(svg),
            kind=self.kind,
        )


def axes(where: list[str], x: list[float], low: float, high: float) -> Markup:
    """Frame, a few labels below and at the left."""
    every = math.ceil(len(x) / 6)
    below = (
        fill('<text x="{x}" y="{y}" text-anchor="middle">{at}</text>', x=f"{u:.0f}", y=TOP + HEIGHT + 20, at=at)
        for at, u in list(zip(where, x, strict=True))[::every]
    )
    beside = (
        fill(
            '<path d="M{left} {line}h{width}" stroke="#ddd"/><text x="{x}" y="{y}" text-anchor="end">{label}</text>',
            left=LEFT,
            line=f"{TOP + HEIGHT * (1 - s):.0f}",
            width=WIDTH,
            x=LEFT - 6,
            y=f"{TOP + HEIGHT * (1 - s) + 5:.0f}",
            label=f"{low + s * (high - low):g}",
        )
        for s in (0, 0.25, 0.5, 0.75, 1)
    )
    return join([*beside, *below])


def _mark(places: list[str], k: int) -> Markup:
    """Attributes of what moves: all its places, and where it is now."""
    if places[k] == "-":
        now = Markup('style="display:none"')
    else:
        now = fill('transform="translate({place})"', place=places[k])
    return fill('data-places="{places}" {now}', places=" ".join(places), now=now)


def _uri(svg: str) -> str:
    # In ASCII, so that the script needs no decoder but atob.
    return data_uri(svg.encode("ascii", "xmlcharrefreplace"), "image/svg+xml")
