"""Each page in a real browser without a network, opened once: it is complete and fits the window; then what axe-core and the
keyboard say of it, in light and dark, narrow and wide.

Rules of WCAG 2.2, levels A and AA. Whatever the theme brings along, and only that, is listed in THEME.
"""

import os
import re

import pytest
from axechecks import COLOURS, FOCUS, TAB, load_axe, one_of_each_look, violations
from bookfiles import ROOT, toc_files
from pagechecks import too_wide
from pipeline_map import BOXES

PAGES = [*toc_files(), "search", "genindex"]
WIDE, PHONE = 1440, 390

# Of each text on the map: how high it is, and by how much it leaves its box.
TEXTS = """[...document.querySelectorAll("figure.map a text")].map(text => {
  const own = text.getBoundingClientRect(), box = text.closest("a").querySelector("rect").getBoundingClientRect();
  return [own.height, Math.max(box.left - own.left, own.right - box.right, box.top - own.top, own.bottom - box.bottom)];
})"""

# Where each page's pictures go, which the hosted checks keep for people to look at. Elsewhere nobody does, and none are made.
HOSTED = bool(os.environ.get("CI"))
PICTURES = ROOT / "_build" / "screenshots"
TALL = 6000  # pixels; what lies below looks like what lies above

# Rule -> on which page, and where, the tools that make the pages break it; they write this markup, none of it is ours.
THEME = {
    # Sphinx puts the parameters of a long signature into a list of definitions that has no terms. It reads well.
    "definition-list": ("book/api", r"^#pmf_minimal\S+ > dl$"),
    # docutils gives each entry of a bibliography a role that has since been given up; the list around it is one all the same.
    "aria-deprecated-role": ("book/references", r"^#id\d+$"),
    # Sphinx's bibliography: targets of the entries stand between them in the list.
    "aria-required-children": ("book/references", r"^\.citation-list$"),
}

# A chapter has thousands of coloured words of code and hundreds of formulas, which are what axe takes longest for. One of
# each kind of word and three formulas stay, the rest becomes plain text.
THIN_OUT = """(() => {
  const seen = new Set();
  for (const word of document.querySelectorAll(".highlight span[class], dt.sig span[class]")) {
    if (seen.has(word.className)) word.replaceWith(...word.childNodes);
    seen.add(word.className);
  }
  [...document.querySelectorAll("mjx-container")].slice(3).forEach(formula => formula.replaceWith("x"));
  document.body.normalize();
})()"""
# Nothing moves while it is looked at.
STILL = """document.head.append(Object.assign(document.createElement("style"),
  {textContent: "* { transition: none !important; animation: none !important; scroll-behavior: auto !important; }"}))"""
# The theme gives code that scrolls a stop of the tab key some time after the window has got another width.
STOPS = """[...document.querySelectorAll("pre")].every(box =>
  (box.scrollWidth > box.clientWidth) == (box.tabIndex == 0) || box.scrollHeight > box.clientHeight)"""


@pytest.fixture(scope="module", params=PAGES)
def opened(request, site, browser):
    """A page that is open, and what the browser reported meanwhile. The second of the two tests that use it spoils it."""
    return request.param, browser.open(site / f"{request.param}.html", width=WIDE)


def test_is_complete_and_fits_the_window(opened, browser):
    """Nothing is asked for, nothing is missing; then in windows of several widths: wide things scroll in a box of their
    own, the page as a whole never scrolls sideways, and the map can be read on a phone.
    """
    page, events = opened
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in requests if not re.match(r"(file|data|blob):", url)] == [], "asked for from outside"
    failed = [e["params"]["errorText"] for e in events if e["method"] == "Network.loadingFailed"]
    assert failed == []
    thrown = [e["params"]["exceptionDetails"] for e in events if e["method"] == "Runtime.exceptionThrown"]
    said = [details.get("exception", {}).get("description", "") for details in thrown]
    # Jupyter Book declares this one twice, on every page; nothing uses it here.
    assert [text for text in said if "THEBE_JS_URL" not in text] == []
    # The theme's word on a first visit, when no choice of light or dark is stored yet; then it follows the system's.
    logged = [e["params"]["entry"] for e in events if e["method"] == "Log.entryAdded"]
    logged += [
        e["params"] | {"level": e["params"]["type"]} for e in events if e["method"] == "Runtime.consoleAPICalled"
    ]
    errors = [str(entry) for entry in logged if entry["level"] in ("error", "assert")]
    assert [entry for entry in errors if "Got invalid theme mode: . Resetting to auto." not in entry] == []

    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src.slice(0, 80))"
    assert browser.evaluate(broken) == [], "pictures that do not show"
    formulas = browser.evaluate("document.querySelectorAll('article .math').length")
    typeset = browser.evaluate("document.querySelectorAll('article .math mjx-container').length")
    assert typeset >= formulas, f"{formulas} formulas, {typeset} of them set"
    wrong = """[...document.querySelectorAll('mjx-merror, mjx-mtext[style*=red]')]
               .map(e => e.closest('mjx-container').querySelector('mjx-assistive-mml').textContent)"""
    assert browser.evaluate(wrong) == [], "formulas with a mistake"

    on_the_map = len(BOXES) if page.removeprefix("notebooks/") in BOXES else 0
    for width in (WIDE, PHONE, 360):
        assert not too_wide(browser, width), width
        texts = browser.evaluate(TEXTS)
        assert len(texts) == on_the_map
        assert all(height >= 11 and beyond <= 0 for height, beyond in texts), (width, texts)


# --- Axe -----------------------------------------------------------------------------------------------------------


def prepare(browser):
    load_axe(browser)
    browser.evaluate(THIN_OUT)


def inspect(browser):
    """Violations on the page that is open: in light; in dark, where only colours change; and on a phone. There colours
    are those of the wide page, but for the bars around the text, which look different.
    """
    prepare(browser)
    browser.wait_for(STOPS)
    one_of_each_look(browser)
    light = violations(browser)
    browser.evaluate("document.documentElement.dataset.theme = 'dark'")
    one_of_each_look(browser)
    dark = violations(browser, COLOURS)
    browser.evaluate("document.documentElement.dataset.theme = 'light'")
    browser.resize(PHONE)
    browser.wait_for(STOPS)
    one_of_each_look(browser, ":not(article *)")
    phone = violations(browser)
    found = {"light": light, "dark": dark, "phone": phone}
    return [[where, *hit] for where, hits in found.items() for hit in hits]


def ours(found, page):
    """Without what THEME lists."""
    return [
        hit
        for hit in found
        if not (hit[1] in THEME and page == THEME[hit[1]][0] and re.search(THEME[hit[1]][1], hit[2]))
    ]


def pictures(browser, page):
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in (PHONE, WIDE):
        browser.resize(width)
        browser.screenshot(PICTURES / f"{page.replace('/', '-')}-{width}.webp", TALL)


def test_axe_finds_nothing(opened, browser):
    page, _ = opened
    browser.evaluate(STILL)
    browser.resize(WIDE)
    if HOSTED:
        pictures(browser, page)
    found = inspect(browser)
    assert ours(found, page) == []
    # What is listed is still so, or else it need not be listed.
    assert {rule for rule, (where, _) in THEME.items() if where == page} <= {hit[1] for hit in found}


BAD = {
    "color-contrast": '<p style="color:#aaa;background:#fff">pale</p>',
    "image-alt": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    "label": '<input type="range">',
    "scrollable-region-focusable": '<div style="width:200px;overflow-x:auto"><table style="width:900px"><tr><td>a<td>b</table></div>',
    "aria-deprecated-role": '<div role="doc-biblioentry" id="id1">an entry on a page that is not excused</div>',
}


@pytest.mark.parametrize("rule", BAD)
def test_axe_finds_what_is_wrong(browser, tmp_path, rule):
    path = tmp_path / "page.html"
    path.write_text(f'<!doctype html><html lang="en"><title>t</title><main><h1>h</h1>{BAD[rule]}</main>')
    browser.open(path)
    assert rule in {hit[1] for hit in ours(inspect(browser), "page")}


def test_axe_sees_the_dark_page(browser, tmp_path):
    path = tmp_path / "page.html"
    style = "<style>p { color: #000 } [data-theme=dark] body { background: #111 }</style>"
    path.write_text(f'<!doctype html><html lang="en"><title>t</title>{style}<main><h1 hidden>h</h1><p>text</p></main>')
    browser.open(path)
    assert [hit[:2] for hit in inspect(browser)] == [["dark", "color-contrast"]]


def test_axe_sees_the_phone(browser, tmp_path):
    """What is wrong in a narrow window only: a bar too pale, and a box that the keyboard cannot scroll."""
    path = tmp_path / "page.html"
    style = "<style>nav, div { display: none } @media (max-width: 600px) { nav, div { display: block } }</style>"
    bar = '<nav><p style="color:#aaa;background:#fff">pale</p></nav>'
    box = f"<article>{BAD['scrollable-region-focusable'].replace('<div style=', '<div tabindex=-1 style=')}</article>"
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    path.write_text(
        f'<!doctype html><html lang="en"><title>t</title>{viewport}{style}<main><h1>h</h1>{bar}{box}</main>'
    )
    browser.open(path, width=WIDE)
    found = {tuple(hit[:2]) for hit in inspect(browser)}
    assert found == {("phone", "color-contrast"), ("phone", "scrollable-region-focusable")}


# --- The keyboard ---------------------------------------------------------------------------------------------------


def test_every_stop_of_the_tab_key_can_be_seen(site, browser):
    """On a chapter with all there is: links, folded cells, buttons, boxes that scroll, a slider."""
    browser.open(site / "notebooks/04_freezing.html", width=1440)
    browser.evaluate(STILL)
    browser.press("Tab", **TAB)
    first = browser.evaluate(FOCUS)
    assert "Skip to main content" in first["html"] and first["shown"], first
    stops = []
    for _ in range(400):
        browser.press("Tab", **TAB)
        stop = browser.evaluate(FOCUS)
        if stop is None or stop["html"] == first["html"]:
            break
        stops.append(stop)
    else:
        pytest.fail("the tab key never comes back to the start")
    assert len(stops) > 50
    assert [stop for stop in stops if not (stop["shown"] and stop["marked"])] == []
    assert {"A", "SUMMARY", "BUTTON", "INPUT"} <= {stop["tag"] for stop in stops}
    (slider,) = [stop for stop in stops if stop["type"] == "range"]
    assert slider["label"].strip()


def test_a_slider_moves_by_the_arrow_keys(site, browser):
    browser.open(site / "notebooks/04_freezing.html", width=1440)
    browser.evaluate("document.querySelector('input[type=range]').focus()")
    state = "[document.querySelector('figure[data-slider] output').textContent, document.activeElement.ariaValueText]"
    before = browser.evaluate(state)
    browser.press("ArrowLeft", windowsVirtualKeyCode=37)
    after = browser.evaluate(state)
    assert after != before and after[0] == after[1]


def test_the_skip_link_leads_to_the_text(site, browser):
    browser.open(site / "book/primer.html", width=1440)
    browser.press("Tab", **TAB)
    browser.press("Enter", windowsVirtualKeyCode=13, text="\r")
    assert browser.evaluate("location.hash") == "#main-content"
    browser.press("Tab", **TAB)
    assert browser.evaluate("!!document.activeElement.closest('#main-content')")
