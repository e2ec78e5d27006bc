"""What is added to the pages when the site is built: times and links, thumbnails, anchors, the subject index."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ET

import anchors
import chapter_facts
import pytest
import subject_index
import thumbnails
from bookfiles import NOTEBOOKS, ROOT, read, toc_files
from bs4 import BeautifulSoup
from exercise_list import exercises_of
from nbformat.v4 import new_markdown_cell, new_notebook
from pagechecks import parse
from PIL import Image

CHAPTERS = [path.stem for path in NOTEBOOKS]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def figure(html):
    return BeautifulSoup(html, "html.parser").figure


def picture(color):
    stream = io.BytesIO()
    Image.new("RGB", (40, 20), color).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


# --- Times and links ------------------------------------------------------------------------------------------------


def test_which_words_count():
    text = (
        "# Two words\n\n```python\nno = code\n```\n\n```{admonition} Title\n:class: tip\nOf a box three words\n```\n\nAfter "
        "it $x + y$ `code` [a link](no/where.md) <b>bold</b>\n\n<details><summary>Hint</summary>not these</details>\n"
        "```{raw} html\n<p>not these</p>\n```\n"
    )
    assert chapter_facts.words_of(new_notebook(cells=[new_markdown_cell(text)])) == 2 + 5 + 2 + 2 + 1


def test_the_chapters_of_the_method_stay_short():
    """What is added to chapters 0 to 9 makes room for itself."""
    words = {path.stem: chapter_facts.words_of(read(path)) for path in NOTEBOOKS if path.stem.startswith("0")}
    assert len(words) == 10 and 15_000 < sum(words.values()) <= 17_500, words


def test_reading_time_grows_with_the_words():
    long = new_notebook(cells=[new_markdown_cell("# Title\n\n" + "word " * 2399)])
    assert "Reading: 12 minutes" in chapter_facts.facts(long, "a")
    assert "Reading: 1 minute<" in chapter_facts.facts(new_notebook(cells=[new_markdown_cell("# Title")]), "a")


def test_nothing_is_said_that_the_chapter_does_not_say():
    said = chapter_facts.facts(new_notebook(cells=[new_markdown_cell("# Title\n\nNo word of time.")]), "a")
    assert "Computing" not in said and "Exercises" not in said
    told = new_notebook(cells=[new_markdown_cell("# T\n\n**It takes** half a minute of computing on two CPU\ncores")])
    assert "Computing: half a minute on two CPU cores" in chapter_facts.facts(told, "a")


@each_chapter
def test_times_and_links_stand_under_the_title(site, chapter):
    page = parse(site / f"notebooks/{chapter}.html")
    items = page.select("article h1 ~ ul.chapter-facts li")
    texts = [item.text for item in items]
    nb = read(ROOT / "notebooks" / f"{chapter}.ipynb")
    assert texts[0] == f"Reading: {chapter_facts.reading(nb)} minutes"
    assert f"{chapter_facts.reading(nb)} minutes of reading" in nb.cells[0].source
    assert f"Exercises: {sum(e.minutes for e in exercises_of(nb))} minutes" in texts
    computing = [text for text in texts if text.startswith("Computing: ")]
    assert computing == [f"Computing: {chapter_facts.computing(nb)} on two CPU cores"] * bool(
        chapter_facts.computing(nb)
    )
    colab, download = (item.a for item in items[-2:])
    assert colab["href"] in [a["href"] for a in page.select(".dropdown-launch-buttons a")]
    target = (site / "notebooks" / download["href"]).resolve()
    assert download.has_attr("download") and target.read_bytes() == (ROOT / f"notebooks/{chapter}.ipynb").read_bytes()


def test_most_chapters_say_how_long_they_compute():
    assert sum(bool(chapter_facts.computing(read(path))) for path in NOTEBOOKS) >= len(NOTEBOOKS) - 1


def test_previous_and_next_follow_the_contents(site):
    files = toc_files()
    for before, file, after in zip([None, *files], files, [*files[1:], None], strict=False):
        for selector, other in (("a.left-prev", before), ("a.right-next", after)):
            links = [(site / f"{file}.html").parent / a["href"] for a in parse(site / f"{file}.html").select(selector)]
            assert [link.resolve() for link in links] == ([(site / f"{other}.html").resolve()] if other else []), file


# --- Exercises ------------------------------------------------------------------------------------------------------


@each_chapter
def test_every_exercise_has_a_short_address(site, chapter):
    page = parse(site / f"notebooks/{chapter}.html")
    numbers = [e.number for e in exercises_of(read(ROOT / "notebooks" / f"{chapter}.ipynb"))]
    assert numbers and [h["id"] for h in page.select("article h3[id^=exercise-]")] == [f"exercise-{n}" for n in numbers]
    for number in numbers:
        link = page.select_one(f"h3#exercise-{number} > a.exercise-link")
        assert link["href"] == f"#exercise-{number}" and link["aria-label"]


def test_the_link_of_an_exercise_shows_on_hover_and_focus(site, browser):
    browser.open(site / "notebooks/03_relevance.html")
    opacity = "getComputedStyle(document.querySelector('#exercise-1 > a.exercise-link')).opacity"
    assert browser.evaluate(opacity) == "0"
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)  # this window has no keyboard
    browser.evaluate("document.querySelector('#exercise-1 > a.exercise-link').focus({focusVisible: true})")
    browser.wait_for(f"{opacity} == '1'")


def test_other_headings_stay_as_they_are():
    other = '<h3>Exercises<a class="headerlink" href="#exercises" title="Link">#</a></h3>'
    assert anchors.linked(other) == other


# --- Thumbnails -----------------------------------------------------------------------------------------------------


def test_every_figure_of_the_index_has_its_small_picture(site):
    page = parse(site / "book/figures.html")
    items = [li for li in page.select("article li") if li.select_one("p a")]
    assert len(items) > 100
    for li in items:
        (img,) = li.select("img.thumbnail")
        assert img["loading"] == "lazy" and img["alt"].strip() and len(img["alt"]) <= thumbnails.ALT + 2
        assert 0 < (site / "book" / img["src"]).resolve().stat().st_size < 60_000
    sources = [img["src"] for img in page.select("img.thumbnail")]
    assert len(set(sources)) == len(sources)


def test_thumbnails_of_one_picture_of_a_row_and_of_a_drawing(tmp_path):
    one = figure(f'<figure><img src="{picture("red")}" alt="A red box"><figcaption>One</figcaption></figure>')
    with Image.open(thumbnails.thumbnail(one, tmp_path / "one")) as small:
        assert small.size[0] <= thumbnails.WIDTH and small.convert("RGB").getpixel((5, 5))[0] > 240
    row = "".join(f'<img src="{picture(c)}" alt="picture of: {c}">' for c in ("red", "lime"))
    row = figure(f"<figure>{row}<figcaption>Two</figcaption></figure>")
    with Image.open(thumbnails.thumbnail(row, tmp_path / "row")) as small:
        left, right = (small.convert("RGB").getpixel((small.width * k // 4, small.height // 2)) for k in (1, 3))
        assert left[0] > 200 > left[1] and right[1] > 200 > right[0]
    assert thumbnails.alt_text(row) == "red, lime"
    drawn = figure(
        '<figure><svg style="width:9em" viewBox="0 0 9 9"><title>A</title><path stroke="currentColor"/></svg><figcaption>T</figcaption></figure>'
    )
    text = thumbnails.thumbnail(drawn, tmp_path / "drawn").read_text()
    assert ET.fromstring(text).get("viewBox") == "0 0 9 9"  # a browser shows no file that is not well-formed
    assert "xmlns" in text and "viewBox" in text and "currentColor" not in text and thumbnails.alt_text(drawn) == "A"
    with pytest.raises(ValueError, match="neither"):
        thumbnails.thumbnail(figure("<figure><figcaption>Empty</figcaption></figure>"), tmp_path / "none")


def test_a_figure_that_the_index_lacks_stops_the_build(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "_static").mkdir(parents=True)
    html = f'<figure><img src="{picture("red")}" alt="Red"><figcaption>One</figcaption></figure>'
    (tmp_path / "book" / "primer.md").write_text(f"# Primer\n\n{html}\n")
    (tmp_path / "book" / "figures.md").write_text("# All figures\n")
    with pytest.raises(ValueError, match="lists 0 figures, the book has 1"):
        thumbnails.write(tmp_path)


# --- Subject index --------------------------------------------------------------------------------------------------


def test_every_term_of_the_glossary_is_in_the_index(site):
    terms = subject_index.terms((ROOT / "book/glossary.md").read_text("utf-8"))
    page = parse(site / "book/subjects.html")
    shown = [a.text for a in page.select("article li > p > a[href^='glossary.html#term']")]
    assert len(terms) > 60 and sorted(shown) == sorted(terms)
    assert len(page.select("article li a[href*='notebooks/']")) > 100


def test_which_sections_are_listed():
    text = "# Title\n\n## Hubs\n\nOne.\n\n## Other\n\nA hub, two hubs and a third Hub.\n\n## Last\n\nA hub.\n\n## Summary\n\nhub hub hub"
    found = subject_index.sections_of("a.md", text, "Chapter 1")
    assert [s.heading for s in subject_index.used_in("hub", found)] == ["Hubs", "Other"]
    assert [s.link for s in subject_index.used_in("third", found)] == ["a.md#other"]
    assert subject_index.used_in("nothing", found) == []
    assert subject_index.pattern("Hits@n").search("its Hits@10 is") and not subject_index.pattern("card").search(
        "cardinal"
    )


# --- Search ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("Eq. (8)", "book/equations.html#eq-8"),
        ("equation 8", "book/equations.html#eq-8"),
        ("Eq. (8) code", "book/equations.html#eq-8"),
        ("claim 3", "book/claims.html#claim-3"),
        ("claim 3 verdict", "book/claims.html#claim-3"),
        ("exercise ties", "notebooks/01_task_and_data.html#exercise-2"),
        ("ties", "notebooks/01_task_and_data.html#exercise-2"),
        ("align two csv files", "notebooks/18_own_graphs.html#the-short-way"),
        ("how to cite", "book/cite.html"),
        ("gradient accumulation", "notebooks/19_speed.html"),  # in no heading
    ],
)
def test_the_search_finds_equations_claims_and_exercises(site, browser, query, wanted):
    """Among the first three, as a reader sees them."""
    browser.open(site / "search.html")
    browser.evaluate(f"Search.performSearch({json.dumps(query)})")
    # They come one by one; at the end the line above them counts them.
    browser.wait_for("/\\d/.test(document.querySelector('#search-results .search-summary').innerText)")
    links = browser.evaluate("[...document.querySelectorAll('#search-results li > a')].slice(0, 3).map(a => a.href)")
    assert any(re.search(rf"/{re.escape(wanted)}", link) for link in links), links
