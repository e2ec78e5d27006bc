"""The checks of the pages find what they are there to find: each is shown a page with the mistake."""

import shutil

import build_site
import pytest
import yaml
from bookfiles import ROOT, heading_faults
from browser import Browser, find_browser
from bs4 import BeautifulSoup
from pagechecks import broken_links, jumps, too_wide, without_alt_text

GOOD = """# Title

See [below](#second), {cite}`huang2024pmf`, {doc}`references`, {term}`seeds`.

## Second

```{glossary}
seeds
  Known pairs.
```
"""
BAD = {
    "no-such-anchor": "[a](#no-such-anchor)",
    "absent-elsewhere": "[a](references.md#absent-elsewhere)",
    "no_such_page": "{doc}`no_such_page`",
    "nobody1999": "{cite}`nobody1999`",
    "no such term": "{term}`no such term`",
    "no_such_label": "{ref}`a <no_such_label>`",
    "no_such_function": "{py:func}`pmf_minimal.no_such_function`",
}


def build(folder, text, monkeypatch):
    """Build a book of two pages with this book's settings and tools; the exit code."""
    (folder / "book").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    for name in (
        "_config.yml",
        "book/references.bib",
        "book/references.md",
        "book/_static/book.css",
        "book/_static/scroll.js",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    toc = {"format": "jb-book", "root": "book/preface", "chapters": [{"file": "book/references"}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    (folder / "book" / "preface.md").write_text(text)
    monkeypatch.setattr(build_site, "ROOT", folder)
    monkeypatch.setattr(build_site, "compare", lambda measured: 0)  # two pages are fewer than the book's
    return build_site.build(folder / "notebooks", folder)


def test_a_good_page_is_built(tmp_path, monkeypatch):
    assert build(tmp_path / "good", GOOD, monkeypatch) == 0


def test_every_kind_of_unresolved_reference_fails_the_build(tmp_path, monkeypatch, capfd):
    assert build(tmp_path / "bad", GOOD + "\n\n".join(["", *BAD.values()]), monkeypatch) != 0
    said = capfd.readouterr()
    warnings = [line for line in (said.out + said.err).splitlines() if "WARNING" in line]
    assert [target for target in BAD if not any(target in line for line in warnings)] == []


def article(body):
    return f"<html><body><article>{body}</article></body></html>"


@pytest.fixture
def page(tmp_path):
    def write(body):
        path = tmp_path / f"page{len(list(tmp_path.iterdir()))}.html"
        path.write_text(article(body))
        return path

    return write


def test_broken_links_are_found(page):
    other = page('<h1 id="here">a</h1>').name
    path = page(f'<p id="p"></p><a href="#p"></a><a href="{other}#here"></a><a href="https://example.org/#x"></a>'
                f'<a href="#q"></a><a href="{other}#there"></a><a href="nowhere.html"></a>')  # fmt: skip
    assert broken_links(path) == ["#q", f"{other}#there", "nowhere.html"]


@pytest.mark.parametrize(
    "picture", ['<img src="a.png">', '<img src="a.png" alt=" ">', "<svg></svg>", "<svg><title> </title></svg>"]
)
def test_a_picture_without_words_is_found(picture):
    assert len(without_alt_text(BeautifulSoup(article(picture), "html.parser"))) == 1


@pytest.mark.parametrize(
    "picture", ['<img src="a.png" alt="a">', "<svg><title>a</title></svg>", '<svg aria-label="a"></svg>',
                '<svg aria-hidden="true"></svg>'],
)  # fmt: skip
def test_a_picture_with_words_passes(picture):
    assert without_alt_text(BeautifulSoup(article(picture), "html.parser")) == []


def test_jumping_headings_are_found():
    def found(*levels):
        return jumps(BeautifulSoup(article("".join(f"<h{n}>{n}</h{n}>" for n in levels)), "html.parser"))

    assert found(1, 2, 3, 2, 2, 3) == []
    assert found(1, 3) == ["3"] and found(2) == ["2"] and found(1, 2, 4, 2) == ["4"]
    for text in ("## no title\n", "# a\n\n### c\n", "# a\n\n# b\n"):
        assert len(heading_faults(text)) == 1
    assert heading_faults("# a\n\n## b\n\n### c\n\n## d\n") == []


def test_a_page_that_is_too_wide_is_found(page, tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    head = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    wide, narrow = (page(f'{head}<div style="width:{width}px">a</div>') for width in (500, 100))
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        browser.open(narrow, width=1440)
        assert not too_wide(browser, 390)
        browser.open(wide, width=1440)
        assert not too_wide(browser, 1440) and too_wide(browser, 390) and not too_wide(browser, 1440)
