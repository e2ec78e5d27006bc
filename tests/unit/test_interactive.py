"""Figures with a slider: what stands in the HTML, and what a browser makes of it without a network."""

import base64
import re

import numpy as np
import pandas as pd
import pytest
from browser import Browser, find_browser
from bs4 import BeautifulSoup
from PIL import Image

from pmf_minimal.teaching.markup import fill, join
from pmf_minimal.teaching.slider import slider

WORDS = {"alt": "Two lines, one rising.", "caption": "The < line rises."}


@pytest.fixture
def table():
    values = {"frozen": [np.nan, 0.25, 0.5], "image": [0.9, 0.8123, 0.1]}
    return pd.DataFrame(values, pd.Index([0.1, 0.5, 0.9], name="threshold δ"))


def parse(figure):
    return BeautifulSoup(figure.data, "html.parser")


def test_the_start_is_there_without_a_script(table):
    page = parse(slider(table, 0.5, **WORDS))
    assert page.select_one("[data-at]").text == "0.5"
    assert {e["data-series"]: e.text for e in page.select("[data-series]")} == {"frozen": "0.250", "image": "0.812"}
    assert page.img["alt"] == WORDS["alt"] and WORDS["caption"] in page.figcaption.text
    picture = BeautifulSoup(base64.b64decode(page.img["src"].split(",")[1]), "html.parser")
    # half-way along the plot; 0.25 is at three quarters of its height
    assert picture.circle["transform"] == "translate(252,159.0)"
    assert not page.find("input")  # it would be dead without its script


def test_all_numbers_are_in_the_table(table):
    page = parse(slider(table, 0.5, digits=2, **WORDS))
    rows = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.select("tr")]
    assert rows == [
        ["threshold δ", "frozen", "image"],
        ["0.1", "–", "0.90"],
        ["0.5", "0.25", "0.81"],
        ["0.9", "0.50", "0.10"],
    ]


HOSTILE = """</td></script><script>document.title="hacked"</script><img src=x onerror='document.title="hacked"'>"""


@pytest.fixture
def hostile():
    """Data in every place where data can stand: names, positions, words, the caption, the name of a picture."""
    rows = {HOSTILE + "line": [0.1, 0.2], HOSTILE + "word": [HOSTILE, "x"], HOSTILE + "face": [HOSTILE, "x"]}
    table = pd.DataFrame(rows, pd.Index([HOSTILE, "last"], name=HOSTILE + "index"))
    return slider(table, HOSTILE, HOSTILE, HOSTILE, pictures={HOSTILE + "face": Image.new("RGB", (4, 4))})


def test_data_is_never_markup(hostile, table):
    page, usual = parse(hostile), parse(slider(table, 0.5, **WORDS))
    assert len(page.find_all("script")) == 1 and page.script.text == usual.script.text
    picture = BeautifulSoup(base64.b64decode(page.img["src"].split(",")[1]), "html.parser")
    for element in [*page.find_all(), *picture.find_all()]:
        assert not any(name.startswith("on") for name in element.attrs), element
    assert {HOSTILE, "last"} <= {cell.text for cell in page.select("th")}
    assert [cell.text for cell in page.select("td")][1] == HOSTILE
    assert page.select_one("[data-at]").text == page.img["alt"] == HOSTILE
    assert HOSTILE in [label.text for label in picture.find_all("text")]


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_in_a_browser_no_data_runs(hostile, tmp_path):
    page = f'<meta charset="utf-8"><title>quiet</title>{hostile.data}'
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with Browser(find_browser(), tmp_path / "profile") as browser:
        browser.open(tmp_path / "page.html")
        assert browser.evaluate('document.querySelector("output").textContent') == HOSTILE
        assert browser.evaluate("document.title") == "quiet"


def test_text_is_escaped_in_one_place():
    assert fill("<b>{x}</b>", x="<'\"&") == "<b>&lt;&#x27;&quot;&amp;</b>"
    assert fill("{x}", x=fill("<i>{y}</i>", y=1)) == "<i>1</i>"
    with pytest.raises(TypeError, match="through fill"):
        join([fill("<b>"), "<script>"])


def test_small_self_contained_and_without_ids(table):
    many = pd.DataFrame(np.linspace(0, 1, 100).reshape(25, 4), pd.RangeIndex(25, name="k"), list("abcd"))
    source = slider(many, 3, **WORDS).data
    assert len(source.encode()) < 20_000
    assert not re.search(r"\bid=|//", source.replace("http://www.w3.org/2000/svg", ""))


@pytest.fixture
def film(table):
    """A line, words with a picture, a line with a picture."""
    words = table.assign(fox=pd.Series([0.7, "frozen", "frozen"], table.index, dtype=object))
    dot = Image.new("RGB", (4, 4), "red")
    return slider(words[["image", "fox", "frozen"]], 0.5, **WORDS, pictures={"fox": dot, "frozen": dot})


def test_words_are_no_line_and_pictures_stand_by_their_values(film):
    page = parse(film)
    picture = BeautifulSoup(base64.b64decode(page.img["src"].split(",")[1]), "html.parser")
    assert len(picture.select("circle")) == 2  # image and frozen
    shown = {e["data-series"]: e.text for e in page.select("[data-series]")}
    assert shown == {"image": "0.812", "fox": "frozen", "frozen": "0.250"}
    faces = {e.parent.b["data-series"]: e["style"] for e in page.select("[data-face]")}
    assert faces.keys() == {"fox", "frozen"} and "grayscale" in faces["fox"] and not faces["frozen"]
    assert [img["alt"] for img in page.select("[data-face] img")] == ["picture of: fox", "picture of: frozen"]


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_in_a_browser_a_picture_is_grey_where_there_is_no_number(film, tmp_path):
    (tmp_path / "page.html").write_text(f'<meta charset="utf-8">{film.data}', encoding="utf-8")
    state = """(k => {const i = document.querySelector("input"); i.value = k; i.dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("[data-series]")].map(e => [e.dataset.series, e.textContent,
        (f => f && getComputedStyle(f).filter)(e.parentNode.querySelector("[data-face]"))])})"""
    with Browser(find_browser(), tmp_path / "profile") as browser:
        browser.open(tmp_path / "page.html")
        first, last = (browser.evaluate(f"{state}({k})") for k in (0, 2))
    assert first == [["image", "0.900", None], ["fox", "0.700", "none"], ["frozen", "–", "grayscale(1)"]]
    assert last == [["image", "0.100", None], ["fox", "frozen", "grayscale(1)"], ["frozen", "0.500", "none"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: (t.rename_axis(None), 0.5), "a name"),
        (lambda t: (t.iloc[:1], 0.1), "two rows"),
        (lambda t: (t, 0.3), "start=0.3"),
        (lambda t: (t.assign(a=0, b=0, c=0), 0.5), "5 columns"),
        (lambda t: (t.astype(str), 0.5), "0 columns of numbers"),
        (lambda t: (t.set_axis(["a", "a"], axis=1), 0.5), "same name"),
        (lambda t: (t.rename_axis("image"), 0.5), "same name"),
        (lambda t: (t * 2, 0.5), "outside limits"),
    ],
)
def test_says_what_is_wrong(table, change, words):
    with pytest.raises(ValueError, match=words):
        slider(*change(table), **WORDS)


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_in_a_browser_both_figures_follow_their_own_slider(table, tmp_path):
    first, second = slider(table, 0.5, **WORDS), slider(1 - table, 0.9, **WORDS)
    (tmp_path / "page.html").write_text(f'<meta charset="utf-8">{first.data}{second.data}', encoding="utf-8")
    state = """[...document.querySelectorAll("figure")].map(f => [f.querySelector("output").textContent,
        f.querySelector("[data-at]").textContent, ...[...f.querySelectorAll("[data-series]")].map(e => e.textContent),
        ...[...f.querySelectorAll("svg circle")].map(c => c.style.display || c.getAttribute("transform"))])"""
    move = """(k => {const i = document.querySelector("input[type=range]"); i.value = k;
        i.dispatchEvent(new Event("input")); return [i.labels.length, i.getAttribute("aria-valuetext")]})"""
    with Browser(find_browser(), tmp_path / "profile") as browser:
        events = browser.open(tmp_path / "page.html")
        before = browser.evaluate(state)
        assert before[0][:4] == ["0.5", "0.5", "0.250", "0.812"]
        assert before[1][:4] == ["0.9", "0.9", "0.500", "0.900"]
        assert browser.evaluate('document.querySelector("svg").getAttribute("aria-label")') == WORDS["alt"]
        for k, (at, values) in enumerate(
            zip(("0.1", "0.5", "0.9"), (("–", "0.900"), ("0.250", "0.812"), ("0.500", "0.100")), strict=True)
        ):
            assert browser.evaluate(f"{move}({k})") == [1, at]
            now = browser.evaluate(state)
            assert now[0][:4] == [at, at, *values] and now[1] == before[1]
            assert (now[0][4] == "none") == (values[0] == "–")
        assert now[0][4:] == ["translate(464,110.0)", "translate(464,188.4)"]  # 0.5 and 0.1 of the height
        assert not any(e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded") for e in [*events, *browser.events])
