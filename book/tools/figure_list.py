"""Write book/figures.md: every figure with the first sentence of its caption and a link to where it stands.

    python book/tools/figure_list.py               # after changes in notebooks/ or in drawings of the pages

A figure is what has a caption: in the stored output of a cell, or drawn in the text. The link leads to the heading above.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "figures.md"

HEAD = """# All figures

{total} figures and rows of pictures with their captions' first sentences; {sliders} of them have a slider. Each link leads to the section in which the figure
stands. This page is made from the chapters by `book/tools/figure_list.py`.
"""


@dataclass(frozen=True)
class Figure:
    """One figure: the heading above it, that heading's anchor, the caption's first sentence."""

    heading: str
    anchor: str
    caption: str
    slider: bool


def pieces_of(path):
    """What stands on a page, in order: pieces of Markdown, and of the HTML that cells have put out."""
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    pieces = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            pieces.append(cell.source)
        else:
            pieces += [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]
    return pieces


def figure_tags(piece):
    """The figures with a caption in a piece of a page, as HTML, in order."""
    return [tag for tag in re.findall(r"<figure.*?</figure>", piece, re.DOTALL) if "<figcaption" in tag]


def pages(root):
    """The files whose figures are listed, in the order of the list, in a copy of the book in the folder `root`."""
    return [root / "book" / "primer.md", *sorted((root / "notebooks").glob("[0-9]*.ipynb"))]


def figures_of(pieces):
    """The figures of a page, in order."""
    found, heading, anchor, anchors = [], "", "", []
    for piece in pieces:
        fenced = r"^(?:```+|~~~+).*?^(?:```+|~~~+)"
        for match in re.finditer(rf"{fenced}|^(#+) ([^\n]+)$|<figure.*?</figure>", piece, re.DOTALL | re.MULTILINE):
            text = match[0]
            if "<figure" in text:  # those of the text stand in a fence, as raw HTML
                figure = BeautifulSoup(text, "html.parser").figure
                if caption := figure.figcaption:
                    words = re.split(r"(?<=[.?!])\s", " ".join(caption.text.split()))[0]
                    found.append(Figure(heading, anchor, words, figure.has_attr("data-slider")))
            elif match[1] and len(match[1]) <= 3:  # only these have anchors, see _config.yml
                heading = match[2].strip()
                anchor = slug(heading)
                # as MyST tells headings of the same text apart
                anchors.append(anchor)
                anchor += f"-{anchors.count(anchor) - 1}" * (anchors.count(anchor) > 1)
    return found


def slug(heading):
    """The anchor that MyST gives to a heading; the build warns of any that does not exist."""
    text = re.sub(r"\$[^$]*\$|[*`]|\]\([^)]*\)|\[", "", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def page():
    """The text of book/figures.md."""
    parts, everything = [], []
    for path in pages(ROOT):
        pieces = pieces_of(path)
        figures = figures_of(pieces)
        title = next(m[1] for piece in pieces if (m := re.match(r"# (.+)", piece)))
        name = title if path.suffix == ".md" else f"Chapter {int(path.stem.split('_')[0])}: {title}"
        where = path.relative_to(PAGE.parent) if path.parent == PAGE.parent else f"../notebooks/{path.name}"
        part = f"\n## {name}\n\n"
        for f in figures:
            part += (
                f"* [{f.heading}]({where}#{f.anchor}): {escaped(f.caption)}{' *With a slider.*' if f.slider else ''}\n"
            )
        parts.append(part)
        everything += figures
    return HEAD.format(total=len(everything), sliders=sum(f.slider for f in everything)) + "".join(parts)


def escaped(text):
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_$\[\]<])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
