"""The book as one PDF: all pages but the API in one, at most 450 sheets, links that lead somewhere, an outline."""

import pdf
import pikepdf
import pytest
from bookfiles import toc_files
from bs4 import BeautifulSoup

# For printing: a prose page, and a chapter with formulas, pictures, a slider and exercises.
FEW = [(None, ["book/preface"]), ("Part", ["notebooks/04_freezing"])]
TITLES = ["Progressive modality freezing, by hand", "Freezing"]


@pytest.fixture(scope="module")
def whole(site, tmp_path_factory):
    """The page of all pages."""
    path = tmp_path_factory.mktemp("pdf") / "book.html"
    path.write_text(pdf.assemble(site))
    return path


@pytest.fixture(scope="module")
def page(whole):
    return BeautifulSoup(whole.read_text(), "html.parser")


@pytest.fixture(scope="module")
def opened(whole, browser):
    """What the browser reported while it opened the page of all pages, which is still open."""
    return browser.open(whole, width=1000)


def test_every_page_is_in_it_in_order(page):
    files = [file for file in toc_files() if file != "book/api"]
    assert len(files) == len(toc_files()) - 1
    assert [article["id"] for article in page.select("article")] == files
    assert [a["href"] for a in page.select(".contents a")] == [f"#{file}" for file in files]


def test_links_lead_into_it(page):
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.select("a[href]")]
    within = [link for link in links if link.startswith("#")]
    assert len(within) > 500 and [link for link in within if link[1:] not in set(ids)] == []
    assert [link for link in links if not link.startswith(("#", "http", "mailto:"))] == []
    for attribute in pdf.NAMING[1:]:
        for tag in page.select(f"[{attribute}]"):
            assert set(tag[attribute].split()) <= set(ids)


def test_nothing_is_folded_and_no_control_is_left(page):
    assert page.select("details") and not page.select("details:not([open]), article button, article script, input")
    solutions = page.select(".tag_solution > details > summary")
    assert solutions and {tag.text for tag in solutions} == {"A solution"}


def test_code_that_the_site_folds_is_left_out(page):
    assert not page.select(".tag_hide-input .cell_input") and not page.select("div.cell:not(:has(*))")
    assert len(page.select(".tag_hide-input .cell_output")) > 80, "what it shows stays"
    assert "is not printed" in page.select_one(".cover").text
    numbers = [tag.text for tag in page.select(".chapter > .number")]
    assert numbers[4] == "Chapter 4, notebooks/04_freezing.ipynb" and len(numbers) == 21


def test_shows_in_a_browser_what_the_pages_show(opened, page, browser):
    failed = [event["params"] for event in opened if event["method"] == "Network.loadingFailed"]
    assert failed == []
    assert browser.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src.slice(0, 80))") == []
    formulas = len(page.select("article .math"))
    assert formulas and browser.evaluate("document.querySelectorAll('article .math mjx-container').length") >= formulas
    assert browser.evaluate("document.querySelectorAll('mjx-merror').length") == 0


def described(element):
    """Whether something below this element of the structure has words in place of a picture, or is a link with its own."""
    below = element.get("/K", [])
    below = list(below) if isinstance(below, pikepdf.Array) else [below]
    below = [o for o in below if isinstance(o, pikepdf.Dictionary)]
    return any(str(o.get("/Alt", "")).strip() or o.get("/Type") == "/OBJR" or described(o) for o in below)


def test_sheets(opened, browser, tmp_path):
    """At most 450 of them; each page of the book starts on a new one, at its top; every link within the PDF leads somewhere."""
    browser.print(tmp_path / "book.pdf", generateDocumentOutline=True, preferCSSPageSize=True)
    with pikepdf.open(tmp_path / "book.pdf") as made:
        assert 300 < len(made.pages) <= 450
        first = pdf.first_sheets(made)
        assert first == sorted(set(first)) and len(first) == len(toc_files()) - 1
        with made.open_outline() as outline:
            heights = [float(entry.destination[3]) for entry in outline.root]
        assert min(heights) > made.pages[0].mediabox[3] - 72
        # For ears: each picture has words. (A figure of several parts has them in its parts.)
        parts = [o for o in made.objects if isinstance(o, pikepdf.Dictionary) and o.get("/S") == "/Figure"]
        silent = [part for part in parts if not str(part.get("/Alt", "")).strip()]
        assert len(parts) > 800 and [part for part in silent if not described(part)] == []
        links = [link.Dest for sheet in made.pages for link in sheet.get("/Annots", []) if "/Dest" in link]
        assert len(links) > 1000 and [name for name in links if str(name) not in made.Root.Dests] == []


def test_printed(site, monkeypatch, tmp_path):
    """The real thing, on two pages: numbers in the contents, outline, pictures, language and structure for readers."""
    monkeypatch.setattr(pdf, "contents", lambda: FEW)
    seen, fill = [], pdf.fill
    script = "[...document.querySelectorAll('.entry')].map(entry => entry.innerText.split(/\\s+/).pop())"
    monkeypatch.setattr(
        pdf, "fill", lambda browser, sheets: fill(browser, sheets) or seen.extend([sheets, browser.evaluate(script)])
    )
    sheets = pdf.make(site, tmp_path / "book.pdf")
    with pikepdf.open(tmp_path / "book.pdf") as made:
        assert len(made.pages) == sheets > 10
        with made.open_outline() as outline:
            assert [entry.title for entry in outline.root] == TITLES
            assert len(outline.root[1].children) > 5, "the chapter's sections"
        first, shown = seen
        assert pdf.first_sheets(made) == first and shown == [str(sheet) for sheet in first]
        assert 2 < first[0] < first[1] < sheets
        assert made.Root.Lang == "en" and made.Root.MarkInfo.Marked
        pictures = [o for o in made.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Image"]
        assert len(pictures) > 10
        links = [link for sheet in made.pages for link in sheet.get("/Annots", [])]
        assert sum("/Dest" in link or "/D" in link.get("/A", {}) for link in links) > len(TITLES), "within the PDF"


def test_says_what_it_lacks(site, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    with pytest.raises(FileNotFoundError, match="no Chromium or Chrome is installed"):
        pdf.make(site, tmp_path / "book.pdf")
