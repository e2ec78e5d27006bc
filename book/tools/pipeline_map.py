"""One emoji's journey in the book: on every page of the method with the reader's own chapter lit, in the preface as a whole.

    python book/tools/pipeline_map.py              # after changes of pmf_minimal/teaching/journey.py

In a notebook the journey is one row of links, under the opening: text is right everywhere, in JupyterLab and on Colab, which
show neither drawings with links nor pictures of the repository. On the built page the drawing takes the row's place.
"""

from pathlib import Path

import nbformat

from pmf_minimal.teaching.journey import BOXES, label, svg

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "book" / "_static" / "journey.svg"
START = "**Where you are:** "
CAPTION = "One emoji's journey, after Fig. 2 of the paper. Each box is a chapter, and you are in the lit one."


def row(here):
    """The journey in a notebook: Markdown, links to the other chapters."""
    return START + " → ".join(f"**{label(c)}**" if c == here else f"[{label(c)}]({c}.ipynb)" for c in BOXES)


def drawing(here):
    """The journey on a page: HTML, in the colours of the page, with links to the other pages."""
    return f'<figure class="drawing map">{svg(here, links=True)}<figcaption>{CAPTION}</figcaption></figure>'


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
    PICTURE.write_text(svg(alone=True) + "\n", encoding="utf-8")
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
