"""One emoji's journey, after Fig. 2 of the paper: a box for each chapter of the method, with what becomes of the emoji there."""

from __future__ import annotations

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.markup import Markup, fill, join

with extra("book"):
    from IPython.display import HTML

#: Chapter -> name, and column and row of its box; in the order of the chapters.
BOXES = {
    "01_task_and_data": ("Graphs", 0, 0),
    "02_encoders": ("Encoders", 1, 0),
    "03_relevance": ("Relevance", 2, 0),
    "04_freezing": ("Freezing", 3, 0),
    "05_fusion": ("Fusion", 3, 1),
    "06_losses": ("Losses", 2, 1),
    "07_training": ("Training", 1, 1),
    "08_alignment": ("Alignment", 3, 2),
    "09_iterative": ("Iteration", 2, 2),
}
#: From, to, a word beside the arrow.
ARROWS = [
    ("01_task_and_data", "02_encoders", ""),
    ("02_encoders", "03_relevance", ""),
    ("03_relevance", "04_freezing", ""),
    ("04_freezing", "05_fusion", ""),
    ("05_fusion", "06_losses", ""),
    ("06_losses", "07_training", ""),
    ("07_training", "02_encoders", "every epoch"),
    ("05_fusion", "08_alignment", ""),
    ("08_alignment", "09_iterative", ""),
    ("09_iterative", "06_losses", "now and then"),
]
ALT = (
    "One emoji's journey, as boxes joined by arrows. Graphs: a picture of the sun and three bags of features. Encoders: "
    "they become four coloured vectors. Relevance: four bars, the picture's bar the shortest. Freezing: the picture's "
    "vector has turned grey. Fusion: the three others lie end to end, and the fourth place is empty. Losses: two such bars "
    "are pulled together, a third is pushed away. Training: a loop back to the encoders in every epoch. Alignment: from "
    "fusion, a row of similarities, in which one is the darkest. Iteration: the surest pair becomes a seed for the losses."
)
CAPTION = (
    "One emoji's journey, after Fig. 2 of the paper. Each box is a chapter: the emoji's picture and bags become four vectors, "
    "of which one is frozen. The others are joined into one vector, which is compared with those of the other graph."
)
_COLOURS = ("#0173b2", "#de8f05", "#029e73", "#cc78bc")  # structure, relation, attribute, image
_LIT, _GREY, _PUSH = "#0173b2", "#949494", "#d55e00"
# A narrow phone shows these 370 units in some 310 pixels: letters of 13, some 11 pixels, can be read there.
_WIDTH, _HEIGHT, _STEP_X, _STEP_Y = 83, 66, 95, 94
_SIZE = (3 * _STEP_X + _WIDTH + 2, 2 * _STEP_Y + _HEIGHT + 2)


def label(chapter: str) -> str:
    """Number and name of a chapter's box."""
    return f"{int(chapter[:2])} {BOXES[chapter][0]}"


def svg(here: str | None = None, links: bool = False, alone: bool = False) -> Markup:
    """The drawing.

    Args:
        here: chapter whose box is lit while the others are pale; None for the whole journey.
        links: whether the boxes lead to the pages of their chapters.
        alone: for a file of its own, and not for a place inside a page.
    """
    return fill(
        '<svg {more}role="{role}" aria-label="{alt}" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13">{arrows}{boxes}</svg>',
        more=Markup('xmlns="http://www.w3.org/2000/svg" width="512" height="354" color="#222" ' if alone else ""), role="group" if links else "img",
        alt=ALT, width=_SIZE[0], height=_SIZE[1], arrows=join(map(_arrow, ARROWS)),
        boxes=join(_box(chapter, here, links) for chapter in BOXES),
    )  # fmt: skip


def show() -> HTML:
    """The whole journey as a figure of a notebook."""
    figure = (
        '<figure class="drawing map" style="margin:0"><div style="max-width:32rem;margin:0 auto">{svg}</div>'
        "<figcaption>{caption}</figcaption></figure>"
    )
    return HTML(str(fill(figure, svg=svg(), caption=CAPTION)))


def _arrow(described: tuple[str, str, str]) -> Markup:
    """An arrow from edge to edge of two boxes, and the word beside it."""
    start, end, text = described
    (_, x0, y0), (_, x1, y1) = BOXES[start], BOXES[end]
    dx, dy = x1 - x0, y1 - y0
    x, y = 1 + x0 * _STEP_X + _WIDTH / 2 * (1 + dx), 1 + y0 * _STEP_Y + _HEIGHT / 2 * (1 + dy)
    length = _STEP_X - _WIDTH if dx else _STEP_Y - _HEIGHT
    turn = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[dx, dy]
    drawn = fill(
        '<path transform="translate({x} {y}) rotate({turn})" d="M2 0H{shaft}m-4 -5l8 5l-8 5" fill="none" '
        'stroke="currentColor" stroke-width="1.5"/>',
        x=f"{x:g}", y=f"{y:g}", turn=turn, shaft=length - 6,
    )  # fmt: skip
    if not text:
        return drawn
    beside = fill(
        '<text x="{x}" y="{y}" text-anchor="end" fill="currentColor">{text}</text>',
        x=f"{x - 7:g}", y=f"{y + dy * length / 2 + 4:g}", text=text,
    )  # fmt: skip
    return join([drawn, beside])


def _box(chapter: str, here: str | None, links: bool) -> Markup:
    """A chapter's box: its name on a band, and its picture below."""
    (_, column, row), own = BOXES[chapter], chapter == here
    drawn = fill(
        '<g transform="translate({x} {y})"><path d="M0 23v-17q0 -6 6 -6h71q6 0 6 6v17z" fill="{band}"/>'
        '<rect width="83" height="66" rx="6" fill="transparent" stroke="{edge}" stroke-width="{thick}"/>'
        '<text x="41.5" y="16" font-weight="bold" text-anchor="middle" fill="{ink}">{label}</text>'
        '<g transform="translate(0 23)" opacity="{light}">{picture}</g></g>',
        x=1 + column * _STEP_X, y=1 + row * _STEP_Y, band=_LIT if own else "transparent",
        edge=_LIT if own else "currentColor", thick=2.5 if own else 1, ink="#fff" if own else "currentColor",
        label=label(chapter), light=1 if own or here is None else 0.45, picture=join(_PICTURES[chapter]),
    )  # fmt: skip
    if not links:
        return drawn
    current = Markup(' aria-current="page"' if own else "")
    return fill('<a href="{chapter}.html"{current}>{box}</a>', chapter=chapter, current=current, box=drawn)


def _rect(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1) -> Markup:
    return fill(
        '<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}" fill-opacity="{opacity}"/>',
        x=f"{x:g}", y=y, width=f"{width:g}", height=height, colour=colour, opacity=opacity,
    )  # fmt: skip


def _disc(x: float, y: float, radius: float, colour: str) -> Markup:
    return fill('<circle cx="{x}" cy="{y}" r="{r}" fill="{c}"/>', x=x, y=y, r=radius, c=colour)


def _line(path: str, colour: str = "currentColor", width: float = 1.5) -> Markup:
    return fill('<path d="{p}" fill="none" stroke="{c}" stroke-width="{w}"/>', p=path, c=colour, w=width)


def _vectors(last: str) -> list[Markup]:
    """Four vectors of four numbers, a column each; the picture's in the colour `last`."""
    shades = ((1, 0.4, 0.7, 0.3), (0.5, 1, 0.3, 0.8), (0.3, 0.8, 1, 0.5), (0.8, 0.3, 0.5, 1))
    return [
        _rect(9 + 17 * column, 4 + 9 * k, 13, 8, colour, v)
        for column, (colour, values) in enumerate(zip((*_COLOURS[:3], last), shades, strict=True))
        for k, v in enumerate(values)
    ]


def _joint(y: float, height: float) -> list[Markup]:
    """A joint vector of three parts, end to end."""
    return [_rect(6 + 18 * k, y, 18, height, colour) for k, colour in enumerate(_COLOURS[:3])]


_SUN = [
    _disc(62, 21, 7, "#ecb22e"),
    _line("M62 8v4M62 30v4M49 21h4M71 21h4M53 12l3 3M68 27l3 3M53 30l3 -3M68 15l3 -3", "#ecb22e", 2),
]
_PICTURES = {
    "01_task_and_data": [
        _line("M10 8L26 16L40 8M26 16V4", _COLOURS[0]),
        *(_disc(x, y, 3, _COLOURS[0]) for x, y in ((10, 8), (26, 16), (40, 8), (26, 4))),
        *(_rect(8 + 9 * k, 22, 8, 7, _COLOURS[1], v) for k, v in enumerate((0.2, 1, 0.2, 0.6))),
        *(_rect(8 + 9 * k, 31, 8, 7, _COLOURS[2], v) for k, v in enumerate((1, 0.2, 0.6, 0.2))),
        *_SUN,
    ],
    "02_encoders": _vectors(_COLOURS[3]),
    "03_relevance": [
        *(_rect(9, 4 + 9 * k, 65 * w, 7, _COLOURS[k]) for k, w in enumerate((0.7, 0.85, 0.95, 0.25))),
        _line("M34 1V41"),
    ],
    "04_freezing": _vectors(_GREY),
    "05_fusion": [*_joint(12, 18), _line("M60 12h17v18h-17", width=1)],
    "06_losses": [
        *(part for y in (4, 17, 31) for part in _joint(y, 7)),
        _line("M68 3v7m-3 -3l3 3l3 -3M68 25v-7m-3 3l3 -3l3 3", _COLOURS[2], 2),
        _line("M68 30v8m-3 -3l3 3l3 -3", _PUSH, 2),
    ],
    "07_training": [_line("M31 33A15 15 0 1 1 52 33M59 33h-8v-8", width=2.5)],
    "08_alignment": [
        *(_rect(9 + 13 * k, 14, 12, 14, _COLOURS[0], v) for k, v in enumerate((0.2, 0.35, 1, 0.15, 0.5))),
        _line("M34 11h14v20h-14z", width=2),
    ],
    "09_iterative": [_disc(20, 21, 8, _COLOURS[0]), _disc(62, 21, 8, _COLOURS[1]), _line("M29 21H53", width=3)],
}
