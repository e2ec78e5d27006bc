"""What the drawings of the book are made of: arrows, words, and the figure around them, in the colours of the page."""

from __future__ import annotations

import math

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.markup import Markup, fill, join

with extra("book"):
    from IPython.display import HTML

#: Left and right graph, right and wrong: the book's colours for them.
LEFT, RIGHT, CORRECT, WRONG = "#0173b2", "#de8f05", "#029e73", "#d55e00"

_FIGURE = (
    '<figure class="drawing" style="margin:0">'
    '<svg role="img" aria-label="{alt}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="14" '
    'style="display:block;width:100%;max-width:26rem;height:auto;margin:0 auto">{body}</svg>'
    "<figcaption>{caption}</figcaption></figure>"
)


def drawing(parts: list[Markup], width: float, height: float, alt: str, caption: str) -> HTML:
    """The parts as a figure of the page.

    Args:
        parts: pieces of SVG.
        width: of the drawing, in its own units; 360 is readable on a phone with letters of 14.
        height: likewise.
        alt: what the eye sees, for those who do not see it.
        caption: what to notice.
    """
    return HTML(str(fill(_FIGURE, body=join(parts), width=width, height=height, alt=alt, caption=caption)))


def word(text: str, x: float, y: float, anchor: str = "middle", bold: bool = False) -> Markup:
    """A word at a place: its baseline starts, ends or has its middle there."""
    weight = "bold" if bold else "normal"
    return fill(
        '<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="currentColor">{text}</text>',
        x=f"{x:g}", y=f"{y:g}", anchor=anchor, weight=weight, text=text,
    )  # fmt: skip


def arrow(
    start: tuple[float, float], end: tuple[float, float], colour: str, width: float = 2.5, dashes: str = "none"
) -> Markup:
    """A straight arrow from start to end, its head as large as its width asks for."""
    (x, y), (u, v) = start, end
    length, turn = math.dist(start, end), math.degrees(math.atan2(v - y, u - x))
    head = 5 + 1.2 * width
    return fill(
        '<g transform="translate({x} {y}) rotate({turn})"><path d="M0 0H{shaft}" stroke="{colour}" stroke-width="{width}" '
        'stroke-dasharray="{dashes}"/><path d="M{length} 0l-{head} -{half}v{whole}z" fill="{colour}"/></g>',
        x=f"{x:.1f}", y=f"{y:.1f}", turn=f"{turn:.1f}", shaft=f"{length - head + 1:.1f}", colour=colour,
        width=f"{width:.1f}", dashes=dashes, length=f"{length:.1f}", head=f"{head:.1f}", half=f"{head / 2:.1f}",
        whole=f"{head:.1f}",
    )  # fmt: skip


def disc(x: float, y: float, radius: float, colour: str, hollow: bool = False, width: float = 2) -> Markup:
    """A disc, or a ring of this width."""
    return fill(
        '<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}" stroke="{colour}" stroke-width="{width}"/>',
        x=f"{x:.1f}", y=f"{y:.1f}", radius=f"{radius:g}", fill="none" if hollow else colour, colour=colour,
        width=f"{width:.1f}",
    )  # fmt: skip


def line(
    points: list[tuple[float, float]], colour: str = "currentColor", width: float = 1, dashes: str = "none"
) -> Markup:
    """A line through these points."""
    return fill(
        '<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/>',
        path="L".join(f"{x:.1f} {y:.1f}" for x, y in points), colour=colour, width=width, dashes=dashes,
    )  # fmt: skip
