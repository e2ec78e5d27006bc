"""Finding one's way: the map of the method, the list of figures, and the page that leads to all lists."""

import re
import xml.etree.ElementTree as ET

import pytest
import yaml
from bookfiles import NOTEBOOKS, ROOT, name, read, toc_files
from figure_list import PAGE, Figure, figures_of, page
from pipeline_map import PICTURE, START, drawing, row, rows_of

from pmf_minimal.teaching.journey import ARROWS, BOXES, svg

CHAPTERS = [f.removeprefix("notebooks/") for f in toc_files() if f.startswith("notebooks/")]


def test_the_map_is_in_step_with_the_contents():
    assert [c for c in CHAPTERS if c in BOXES] == list(BOXES), "a box per chapter, in the order of the contents"
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    (method,) = (part["chapters"] for part in parts if part["caption"] == "The method")
    assert {c["file"].removeprefix("notebooks/") for c in method} <= BOXES.keys(), "a chapter of the method has no box"


def test_the_contents_number_the_chapters():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    titles = {c["file"]: c.get("title") for part in parts for c in part["chapters"] if "notebooks/" in c["file"]}
    for path in NOTEBOOKS:
        title = re.match(r"# (.+)", read(path).cells[0].source)[1]
        assert titles.pop(f"notebooks/{path.stem}") == f"{int(path.stem[:2])} {title}"
    assert not titles


def test_all_of_the_map_hangs_together():
    reached = {next(iter(BOXES))}
    for _ in BOXES:
        reached |= {end for start, end, _ in ARROWS if start in reached}
    assert reached == BOXES.keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_chapter_on_the_map_shows_it_at_its_top(path):
    rows = [cell.source for cell in rows_of(read(path))]
    assert rows == [row(path.stem)] * (path.stem in BOXES), "run: python book/tools/pipeline_map.py"
    assert path.stem not in BOXES or read(path).cells[1].source == rows[0]


@pytest.mark.parametrize("here", BOXES)
def test_row_and_drawing_lead_to_all_other_chapters(here):
    others = [c for c in BOXES if c != here]
    assert re.findall(r"\]\((\w+)\.ipynb\)", row(here)) == others
    figure = ET.fromstring(drawing(here))
    links = {a.get("href").removesuffix(".html"): a.get("aria-current") for a in figure.iter("a")}
    assert links == dict.fromkeys(others) | {here: "page"}
    names = ["".join(a.itertext()) for a in figure.iter("a")]
    assert all(BOXES[c][0] in text and str(int(c[:2])) in text for c, text in zip(BOXES, names, strict=True))
    assert "\n\n" not in drawing(here) and not row(here).startswith(START + "→")


def test_the_whole_journey_is_a_picture_of_the_preface():
    assert PICTURE.read_text(encoding="utf-8") == svg(alone=True) + "\n", "run: python book/tools/pipeline_map.py"
    assert PICTURE.name in (ROOT / "book" / "preface.md").read_text(encoding="utf-8")


def test_list_of_figures_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/figure_list.py"


def test_every_caption_is_in_the_list():
    listed = PAGE.read_text(encoding="utf-8").count("\n* [")
    written = sum(
        path.read_text(encoding="utf-8").count("<figcaption") for path in [*NOTEBOOKS, ROOT / "book/primer.md"]
    )
    assert listed == written > 100


def test_which_figures_are_found():
    pieces = [
        "# Title\n\n```python\n# no heading\n```\n\n## What $x$ *does*\n",
        "<figure><img><figcaption>See  the\nline. And more.</figcaption></figure><figure>no caption</figure>",
        "## Again\n\n```{raw} html\n<figure><figcaption>Why? So.</figcaption></figure>\n```\n#### small\n## Again\n",
        '<figure data-slider="τ"><figcaption>At 0.5 it moves</figcaption></figure>',
    ]
    assert figures_of(pieces) == [
        Figure("What $x$ *does*", "what--does", "See the line.", False),
        Figure("Again", "again", "Why?", False),
        Figure("Again", "again-1", "At 0.5 it moves", True),
    ]


def test_one_page_leads_to_all_lists():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    (reference,) = (part["chapters"] for part in parts if part["caption"] == "Reference")
    assert {"file": "book/finding"} in reference
    links = re.findall(r"\]\((\w+)\.md\)", (ROOT / "book/finding.md").read_text(encoding="utf-8"))
    assert {"equations", "figures", "claims", "exercises"} <= set(links)
