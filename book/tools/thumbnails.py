"""Small pictures of all figures for their index, made when the site is built from what the notebooks hold.

A figure that is one picture is made smaller; of a row of pictures the first few stand side by side; a drawing of the text is
kept as it is, in a file of its own. The staged copy of book/figures.md then shows each beside its caption.
"""

import base64
import html
import io
import re
from pathlib import Path

from bs4 import BeautifulSoup
from figure_list import figure_tags, pages, pieces_of
from PIL import Image, ImageOps

WIDTH, HEIGHT = 240, 150  # pixels: twice what is shown, for sharp screens
IN_A_ROW = 8
ALT = 120  # characters; the whole text stands at the figure itself
# What a drawing takes from its page: the colour of its lines.
INK = "#222"


def bitmap(address):
    """The picture in a `data:` address, as RGB on white; None if it is a drawing (SVG)."""
    kind, _, data = address.partition(",")
    if "svg" in kind:
        return None
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def row(pictures):
    """Up to eight pictures as one, four in a line."""
    size = WIDTH // 4
    pictures = pictures[:IN_A_ROW]
    canvas = Image.new("RGB", (size * min(4, len(pictures)), size * -(-len(pictures) // 4)), "white")
    for number, picture in enumerate(pictures):
        canvas.paste(ImageOps.pad(picture, (size, size), color="white"), (number % 4 * size, number // 4 * size))
    return canvas


def drawing(figure):
    """The SVG of a figure, with colours of its own: the text of a file, or None if it has none."""
    if svg := figure.find("svg"):
        svg["style"] = f"color:{INK}"  # in the place of what fits it into its page
        text = str(svg).replace("currentColor", INK).replace("currentcolor", INK)
        # Names that depend on capital letters, which the parser has made small.
        for name in ("viewBox", "markerWidth", "markerHeight", "refX", "refY", "markerUnits", "preserveAspectRatio"):
            text = re.sub(rf"\b{name.lower()}=", f"{name}=", text)
        text = re.sub(r"\sclass=\"[^\"]*\"", "", text)
        if "xmlns=" not in text:
            text = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        return text
    for img in figure.select("img"):
        kind, _, data = img["src"].partition(",")
        if "svg" in kind:
            return base64.b64decode(data).decode("utf-8")
    return None


def thumbnail(figure, stem):
    """Make the small picture of one figure.

    Args:
        figure: its element.
        stem: path of the file to write, without ending.

    Returns:
        The path that was written.
    """
    pictures = [p for img in figure.select("img") if (p := bitmap(img["src"])) is not None]
    text = drawing(figure)
    # A figure that moves is a drawing with small pictures beside it.
    if text is not None and (figure.has_attr("data-slider") or not pictures):
        path = stem.with_suffix(".svg")
        path.write_text(text, encoding="utf-8")
        return path
    if not pictures:
        raise ValueError(f"{stem.name}: a figure with neither picture nor drawing")
    picture = pictures[0] if len(pictures) == 1 else row(pictures)
    picture.thumbnail((WIDTH, HEIGHT))
    path = stem.with_suffix(".webp")
    picture.save(path, quality=70)
    return path


def alt_text(figure):
    """What a figure shows, in words: the alternative texts of its pictures, cut at the end of a word."""
    svgs = [svg.title.text if svg.title else svg.get("aria-label", "") for svg in figure.select("svg")]
    texts = [img.get("alt", "").removeprefix("picture of: ") for img in figure.select("img")] or svgs
    text = " ".join(", ".join(dict.fromkeys(filter(str.strip, texts))).split()) or " ".join(
        figure.figcaption.text.split()
    )
    return text if len(text) <= ALT else text[: text.rindex(" ", 0, ALT)].rstrip(",") + " …"


def write(source):
    """Make all thumbnails of the staged book in the folder `source`, and show them on its page of figures."""
    source = Path(source)
    page = source / "book" / "figures.md"
    if not page.is_file():  # a book of a few pages, as the tests build
        return
    folder = source / "book" / "_static" / "thumbnails"
    folder.mkdir(parents=True)
    made = []
    for path in pages(source):
        for piece in pieces_of(path):
            for tag in figure_tags(piece):
                figure = BeautifulSoup(tag, "html.parser").figure
                thumb = thumbnail(figure, folder / f"{path.stem}-{len(made)}")
                made.append(
                    f'<img class="thumbnail" src="../_static/thumbnails/{thumb.name}" loading="lazy" '
                    f'alt="{html.escape(alt_text(figure))}">'
                )
    lines = page.read_text(encoding="utf-8").split("\n")
    listed = [number for number, line in enumerate(lines) if line.startswith("* [")]
    if len(listed) != len(made):
        raise ValueError(
            f"book/figures.md lists {len(listed)} figures, the book has {len(made)}: run  python book/tools/figure_list.py"
        )
    for number, picture in zip(listed, made, strict=True):
        lines[number] = f"* ```{{raw}} html\n  {picture}\n  ```\n  {lines[number][2:]}"
    page.write_text("\n".join(lines), encoding="utf-8")
