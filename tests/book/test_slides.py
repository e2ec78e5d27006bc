"""The slides of the four lessons: made of the chapters alone, complete, and readable without a network."""

import re

import nbformat
import pytest
import slides
import yaml
from bookfiles import ROOT
from browser import Browser, find_browser
from bs4 import BeautifulSoup

LESSONS = yaml.safe_load(slides.LESSONS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("slides")
    slides.write_slides(made)
    return made


def pages(folder):
    return [BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in sorted(folder.glob("*.html"))]


def test_a_lesson_for_each_week_of_the_guide(folder):
    """Of the same title, out of the same chapters."""
    guide = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
    weeks = re.search(r"## Four weeks.*?\n## ", guide, re.DOTALL)[0]
    rows = [line.split(" | ") for line in re.findall(r"^\| (\d \| .*)$", weeks, re.MULTILINE)]
    told = [(f"Week {n}", what.split(":")[0], re.findall(r"notebooks/(\w+)\.ipynb", what)) for n, what, _ in rows]
    made = [(t["week"], t["title"], list(dict.fromkeys(slide[0] for slide in t["slides"]))) for t in LESSONS]
    assert made == told and len(made) == 4
    assert [page.title.text for page in pages(folder)] == [lesson["title"] for lesson in LESSONS]


def test_every_slide_has_a_title_and_something_on_it(folder):
    for page, lesson in zip(pages(folder), LESSONS, strict=True):
        made = page.select("section")
        assert len(made) == len(lesson["slides"]) + len({slide[0] for slide in lesson["slides"]}) + 1
        for section in made:
            assert len(section.select("h1, h2")) == 1 and section.select_one("h1, h2").text.strip()
            assert section.main.find(True)
            assert all(picture.get("alt") for picture in section.select("img"))


def test_nothing_comes_from_outside(folder):
    for page in pages(folder):
        addresses = [tag.get("src") or tag.get("href") for tag in page.select("[src], [href]")]
        assert [a for a in addresses if not a.startswith(("data:", "mathjax/"))] == []
        assert (folder / page.select_one("script[src]")["src"]).is_file()


def test_what_is_not_in_the_chapter_is_refused():
    for wrong in (["04_freezing", "No such heading", "text 1"], ["04_freezing", "Four lines", "text 9"],
                  ["04_freezing", "Four lines", "text 1:40"]):  # fmt: skip
        with pytest.raises(ValueError, match="--list 04_freezing"):
            slides.page({"title": "t", "week": "w", "slides": [wrong]})


def test_pieces_and_their_html():
    new = nbformat.v4
    text = "# Title\n\nOne. *Two* $a<b$.\n\n* x\n* y\n\n$$c$$\n\n| a |\n|---|\n| b |\n\n```python\n# no heading\n```"
    output = new.new_output("stream", text="1 < 2")
    nb = new.new_notebook(cells=[new.new_markdown_cell(text), new.new_code_cell("f()", outputs=[output])])
    found = slides.sections(nb)["Title"]
    assert list(found) == ["text 1", "list 1", "math 1", "table 1", "code 1", "output 1"]
    assert "<li>x</li>" in slides.markup(found, "list 1") and r"\[c\]" in slides.markup(found, "math 1")
    assert slides.markup(found, "output 1") == "<pre>1 &lt; 2</pre>"
    assert slides.markup(found, "text 1:1") == "<p>One.</p>\n"
    assert r"\(a&lt;b\)" in slides.markup(found, "text 1:2") and "One" not in slides.markup(found, "text 1:2")
    assert slides.prose("[a](b.md) by {cite:t}`huang2024pmf`") == "<p>a by Huang et al.</p>\n"


@pytest.mark.timeout(600)  # seconds on a machine that is busy with other things too
def test_in_a_browser_everything_fits_and_formulas_are_set(folder, tmp_path):
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Browser(program, tmp_path / "profile") as browser:
        for path in sorted(folder.glob("*.html")):
            events = browser.open(path, width=1280, height=720)
            browser.wait_for("'ready' in document.body.dataset")
            failed = [e for e in events if e["method"] in ("Network.loadingFailed", "Runtime.exceptionThrown")]
            assert failed == []
            assert browser.evaluate("slides.map(s => s.querySelector('main')).filter(full).length") == 0
            formulas = path.read_text(encoding="utf-8").count('class="math ')
            assert browser.evaluate("document.querySelectorAll('mjx-container').length") == formulas > 0
            assert browser.evaluate("document.querySelectorAll('mjx-merror').length") == 0
            # left and right, and a hand-made slide that is too full is noticed
            browser.evaluate(
                "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
            )
            assert browser.evaluate("[now, getComputedStyle(slides[1]).visibility]") == [1, "visible"]
            assert browser.evaluate("getComputedStyle(slides[0]).visibility") == "hidden"
            browser.evaluate("slides[2].querySelector('main').innerHTML = '<p>a</p>'.repeat(99)")
            assert browser.evaluate("full(slides[2].querySelector('main'))")
