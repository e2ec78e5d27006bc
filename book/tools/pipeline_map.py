"""The map of the method, after Fig. 2 of the paper: every box a chapter, and the reader's own marked.

    python book/tools/pipeline_map.py              # after changes in BOXES: a new row of links in each of the chapters

In a notebook the map is one row of links, under the opening: text is right everywhere, in JupyterLab and on Colab, which
show neither drawings with links nor pictures of the repository. On the built page a drawing takes the row's place.
"""

import html
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
START = "**Where you are:** "

# chapter: name, what comes out, column and row of the drawing; in the order of the chapters
BOXES = {
    "01_task_and_data": ("Graphs", "and seeds", 0, 0),
    "02_encoders": ("Encoders", "vectors h", 1, 0),
    "03_relevance": ("Relevance", "scores w", 2, 0),
    "04_freezing": ("Freezing", "mask F", 3, 0),
    "05_fusion": ("Fusion", "joint vectors", 3, 1),
    "06_losses": ("Losses", "loss L", 2, 1),
    "07_training": ("Training", "gradients", 1, 1),
    "08_alignment": ("Alignment", "matches", 3, 2),
    "09_iterative": ("Iteration", "new seeds", 2, 2),
}
# from, to, a word beside the arrow
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
# A narrow phone shows these 370 units in some 310 pixels: letters of 13, some 11 pixels, can be read there.
WIDTH, HEIGHT, STEP_X, STEP_Y = 83, 44, 95, 70

ALT = (
    "Map of the method. Graphs, encoders, relevance, freezing, fusion, losses, training, and from there back to the "
    "encoders in every epoch. From fusion also to alignment, to iteration, and with new seeds back to the losses."
)


def label(chapter):
    return f"{int(chapter[:2])} {BOXES[chapter][0]}"


def row(here):
    """The map in a notebook: Markdown, links to the other chapters."""
    return START + " → ".join(f"**{label(c)}**" if c == here else f"[{label(c)}]({c}.ipynb)" for c in BOXES)


def drawing(here):
    """The map on a page: HTML, in the colours of the page, with links to the other pages."""
    arrows, boxes = [], []
    for start, end, word in ARROWS:
        (*_, x0, y0), (*_, x1, y1) = BOXES[start], BOXES[end]
        dx, dy = x1 - x0, y1 - y0
        # from edge to edge, with a head that points that way
        x, y = 1 + x0 * STEP_X + WIDTH / 2 * (1 + dx), 1 + y0 * STEP_Y + HEIGHT / 2 * (1 + dy)
        length = STEP_X - WIDTH if dx else STEP_Y - HEIGHT
        turn = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[dx, dy]
        arrows.append(
            f'<path transform="translate({x:g} {y:g}) rotate({turn})" d="M2 0H{length - 6}m-4 -5l8 5l-8 5" fill="none" '
            'stroke="currentColor" stroke-width="1.5"/>'
        )
        if word:
            at = y + dy * length / 2 + 4
            arrows.append(f'<text x="{x - 7:g}" y="{at:g}" text-anchor="end" fill="currentColor">{word}</text>')
    for chapter, (_, out, column, line) in BOXES.items():
        x, y, own = 1 + column * STEP_X, 1 + line * STEP_Y, chapter == here
        ink, fill = ("#fff", "#0173b2") if own else ("currentColor", "transparent")
        current = ' aria-current="page"' if own else ""
        boxes.append(
            f'<a href="{chapter}.html"{current}>'
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" stroke="currentColor" '
            f'fill="{fill}"/>'
            f'<text x="{x + WIDTH / 2:g}" y="{y + 19}" font-weight="bold" text-anchor="middle" fill="{ink}">'
            f"{label(chapter)}</text>"
            f'<text x="{x + WIDTH / 2:g}" y="{y + 36}" text-anchor="middle" fill="{ink}">{html.escape(out)}</text></a>'
        )
    size = f"0 0 {3 * STEP_X + WIDTH + 2} {2 * STEP_Y + HEIGHT + 2}"
    return (
        '<figure class="drawing map">'
        f'<svg role="group" aria-label="{ALT}" viewBox="{size}" font-family="sans-serif" font-size="13">'
        f"{''.join(arrows)}{''.join(boxes)}</svg>"
        "<figcaption>The method as a map, after Fig. 2 of the paper. Each box is a chapter, and says below its name what "
        "comes out of it; you are in the filled one.</figcaption></figure>"
    )


def rows_of(nb):
    """The cells of a notebook that hold the row."""
    return [cell for cell in nb.cells if cell.cell_type == "markdown" and cell.source.startswith(START)]


def draw(path):
    """Put the drawing in the place of the row of a notebook."""
    nb = nbformat.read(path, as_version=4)
    for cell in rows_of(nb):
        cell.source = drawing(path.stem)
    nbformat.write(nb, path)


def main():
    for chapter in BOXES:
        path = ROOT / "notebooks" / f"{chapter}.ipynb"
        nb = nbformat.read(path, as_version=4)
        if not rows_of(nb):
            nb.cells.insert(1, nbformat.v4.new_markdown_cell(id="map"))
            nb.cells[1].source = START
        rows_of(nb)[0].source = row(chapter)
        nbformat.write(nb, path)


if __name__ == "__main__":
    main()
