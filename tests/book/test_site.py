"""The built book, as a reader gets it: complete, self-contained, and readable without a network.

It is built here from the committed notebooks with their stored outputs, which takes seconds; `make book` builds the
same pages from freshly executed ones.
"""

import importlib
import inspect
import re
from urllib.parse import urlsplit

import pytest
from bookfiles import CONFIG, REPOSITORY, ROOT, toc_files
from build_site import MOVED, mathjax_folder
from pagechecks import broken_links, jumps, parse, without_alt_text
from pipeline_map import BOXES
from recomputed import FIGURES

from pmf_minimal.teaching.drawing import HEIGHT, TOP

PAGES = [f"{file}.html" for file in toc_files()]
each_page = pytest.mark.parametrize("page", PAGES)


def outside(address):
    """Does showing this need the network? (`//host/…` does too; `data:` does not.)"""
    return bool(re.match(r"\s*(https?:)?//", address or ""))


def test_builds_without_warnings(built):
    code, said, _ = built
    assert code == 0, said


def test_every_page_is_there(site):
    assert [page for page in PAGES if not (site / page).exists()] == []
    assert (site / "index.html").exists()


def test_old_addresses_lead_to_the_new_pages(site):
    assert MOVED
    for old, new in MOVED.items():
        page = parse(site / f"{old}.html")
        leads = page.select_one("meta[http-equiv=refresh]")["content"].removeprefix("0; url=")
        assert (site / f"{old}.html").parent / leads == site / f"{new}.html" and (site / f"{new}.html").exists()
        assert page.select_one("body a")["href"] == leads


def test_nothing_is_loaded_from_outside(site):
    """A link may lead outside; a script, a style sheet, a font or a picture may not come from there."""
    found = []
    for path in site.rglob("*.html"):
        page = parse(path)
        for tag in page.select("script, img, iframe, source, video, audio, embed, object, use, input"):
            addresses = [tag.get(key, "") for key in ("src", "data", "poster", "xlink:href")]
            addresses += (tag.get("srcset") or "").split(",") + ([tag.get("href", "")] if tag.name == "use" else [])
            found += [(path.name, address) for address in addresses if outside(address)]
        # Of the links in a page's head, only these two are not fetched.
        for tag in page.select("link[href]"):
            if outside(tag["href"]) and not {"canonical", "author"} & set(tag.get("rel", [])):
                found.append((path.name, tag["href"]))
        styles = [tag.text for tag in page.select("style")] + [tag["style"] for tag in page.select("[style]")]
        found += [(path.name, text) for style in styles for text in outside_in_css(style)]
    for path in site.rglob("*.css"):
        found += [(path.name, text) for text in outside_in_css(path.read_text())]
    assert found == []


def outside_in_css(style):
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    pattern = r"""url\(\s*["']?((?:https?:)?//[^"')]+)|@import\s+["']((?:https?:)?//[^"']+)"""
    return [a or b for a, b in re.findall(pattern, style)]


@each_page
def test_launch_buttons_lead_to_this_repository(site, page):
    """Chapters open on Colab and Binder from the address that _config.yml names; prose pages have no such button."""
    buttons = [tag["href"] for tag in parse(site / page).select(".dropdown-launch-buttons a")]
    path, owner = page.replace(".html", ".ipynb"), urlsplit(REPOSITORY).path
    branch = CONFIG["repository"]["branch"]
    wanted = {
        f"https://colab.research.google.com/github{owner}/blob/{branch}/{path}",
        f"https://mybinder.org/v2/gh{owner}/{branch}?urlpath=lab/tree/{path}",
    }
    assert set(buttons) == (wanted if page.startswith("notebooks/") else set())


@pytest.mark.parametrize("page", [*PAGES, "index.html", "genindex.html", "search.html"])
def test_links_within_the_book_lead_somewhere(site, page):
    assert broken_links(site / page) == []


@each_page
def test_no_error_is_shown(site, page):
    text = parse(site / page)
    assert not text.select(".output.traceback, .output.error, .system-message")
    assert "Traceback (most recent call last)" not in text.select_one("article").text


@each_page
def test_no_page_names_the_machine_it_was_built_on(site, page):
    """A default value that is a path would, on the page of the API."""
    assert str(ROOT) not in parse(site / page).select_one("article").text


@each_page
def test_no_type_is_made_of_a_sentence(site, page):
    """What napoleon makes of a colon that does not end a type (see api_docstrings)."""
    names = [tag.text for tag in parse(site / page).select("article dl.field-list dt")]
    assert {name.rstrip(":") for name in names} <= {"Parameters", "Returns", "Raises", "Variables"}


@each_page
def test_pictures_have_alt_text(site, page):
    assert without_alt_text(parse(site / page)) == []


@each_page
def test_headings_do_not_jump(site, page):
    """Also those that come out of docstrings, directives and several cells together."""
    assert jumps(parse(site / page)) == []


def test_every_public_function_is_on_the_page_of_the_api(site):
    shown = {tag["id"] for tag in parse(site / "book/api.html").select("dt.sig[id]")}
    modules = {tag["id"].removeprefix("module-") for tag in parse(site / "book/api.html").select("[id^=module-]")}
    assert len(modules) >= 18
    for module in modules:
        for name, value in vars(importlib.import_module(module)).items():
            own = getattr(value, "__module__", None) == module and not name.startswith("_")
            if own and (inspect.isfunction(value) or inspect.isclass(value)):
                assert f"{module}.{name}" in shown


@each_page
def test_formulas_use_only_what_mathjax_knows(site, page):
    """An unknown macro is shown in red, as it was typed, and no build warns about it."""
    mathjax = (mathjax_folder() / "tex-chtml-full.js").read_text()
    tex = " ".join(tag.text for tag in parse(site / page).select("article .math"))
    names = set(re.findall(r"\\([A-Za-z]+)", tex)) - {"begin", "end"}
    # In the script every macro is a key of some table: alpha:"03B1", boldsymbol:"Macro", "dot":[…]; delimiters with
    # their backslash, "\\\\lvert":"|"
    unknown = [name for name in names if not re.search(rf'[{{,]"?(?:\\\\)?{name}"?:', mathjax)]
    assert unknown == []


def test_mathjax_is_part_of_the_book(site):
    with_formulas = [page for page in PAGES if parse(site / page).select("article .math")]
    for page in with_formulas:
        (source,) = [tag["src"] for tag in parse(site / page).select("script[src*=mathjax]")]
        script = (site / page).parent / urlsplit(source).path
        assert script.is_file() and list(script.parent.glob("output/chtml/fonts/woff-v2/*.woff"))


# --- In a real browser, without a network ---------------------------------------------------------------------------


# What a reader sees of one figure with a slider, at each of its positions: the value beside the slider and in the text, and
# per series its text, whether its picture is grey, and the height of its dot (null where none is drawn).
AT_EACH_POSITION = """(figure => {
  const input = figure.querySelector("input[type=range]"), table = [...figure.querySelectorAll("th")];
  const names = [...figure.querySelectorAll("[data-series]")].sort((a, b) =>
    table.findIndex(h => h.textContent == a.dataset.series) - table.findIndex(h => h.textContent == b.dataset.series));
  const states = [];
  for (let k = +input.min; k <= +input.max; k++) {
    input.value = k;
    input.dispatchEvent(new Event("input"));
    const dots = [...figure.querySelectorAll("svg circle")], series = {};
    for (const e of names) {
      const entry = e.parentNode, face = entry.querySelector("[data-face]");
      const dot = entry.querySelector('img[alt$="line:"]') && dots.shift();
      series[e.dataset.series] = {
        text: e.textContent,
        grey: face ? getComputedStyle(face).filter != "none" : null,
        dot: dot && dot.style.display != "none" ? +dot.getAttribute("transform").split(/[,)]/)[1] : null,
      };
    }
    const ends = [...figure.querySelectorAll("svg text[text-anchor=end]")].map(e => +e.textContent);
    states.push({at: figure.querySelector("[data-at]").textContent, output: figure.querySelector("output").textContent,
      low: Math.min(...ends), high: Math.max(...ends), series, unused: dots.length});
  }
  return states;
})(document.querySelectorAll("figure[data-slider]")[NUMBER])"""


def differences(state, wanted, tolerance):
    """What a figure shows and ought not to show."""
    found = [] if state["output"] == state["at"] and not state["unused"] else [state]
    for name, shown in state["series"].items():
        value = wanted[name]
        if shown["text"] in ("–", "frozen") or value is None:
            right = (value is None) == (shown["text"] == "–") and abs(value or 0) <= tolerance
        else:
            right = abs(float(shown["text"]) - value) <= tolerance
        if shown["dot"] is not None:
            height = state["high"] - (shown["dot"] - TOP) / HEIGHT * (state["high"] - state["low"])
            right = right and abs(height - value) <= tolerance + 0.001
        if shown["grey"] is not None:
            right = right and shown["grey"] == (shown["text"] in ("–", "frozen"))
        if not right:
            found.append((state["at"], name, shown, value))
    return found


@each_page
def test_figures_with_a_slider_show_what_recomputing_gives(site, browser, page):
    """At every position. A new figure needs its entry in recomputed.py."""
    recomputed = FIGURES.get(page, [])
    figures = parse(site / page).select("article figure[data-slider]")
    assert len(figures) == len(recomputed), "tests/recomputed.py says what to compare its numbers with"
    outside = [
        s for s in parse(site / page).select(".cell_output script") if not s.find_parent(attrs={"data-slider": True})
    ]
    assert not outside, "a figure that moves, and is none of those that are compared here"
    if figures:
        browser.open(site / page)
    for number, recompute in enumerate(recomputed):
        states = browser.evaluate(AT_EACH_POSITION.replace("NUMBER", str(number)))
        tolerance, at = recompute()
        wanted = [at(state["at"]) for state in states]
        assert len({state["at"] for state in states}) == len(states) >= 3
        assert [d for s, w in zip(states, wanted, strict=True) for d in differences(s, w, tolerance)] == []
        # and a slider that lags behind by one would be noticed
        assert [d for s, w in zip(states, wanted[1:], strict=False) for d in differences(s, w, tolerance)]


@pytest.mark.parametrize("chapter", BOXES)
def test_the_map_stands_at_the_top(site, chapter):
    page = f"notebooks/{chapter}.html"
    figure = parse(site / page).select_one("article h1 ~ figure.map")
    assert [a["href"] for a in figure.select("a[aria-current=page]")] == [f"{chapter}.html"]
    assert not parse(site / page).find(string=re.compile("Where you are:")), (
        "the row of links has made room for the map"
    )
