"""The page on which the reader plays with the method: its script computes what the package does, in any state."""

import io
import json
import random
import re
import sys

import explore
import explore_data
import pytest
import torch
from bookfiles import ROOT
from pagechecks import parse
from PIL import Image, ImageChops, ImageStat

N = 60
WORDS = {
    "freeze": ("score", "truth"),
    "fusion": ("none", "weights", "keep", "evidence"),
    "match": ("row", "greedy", "mutual"),
}
STATES = 200
# For each address of a state: all that the page computes, and what it shows.
LOOK = """ADDRESSES.map(address => {
  explorable.set(METHOD.parse(address));
  const r = explorable.result, text = selector => document.querySelector(selector).textContent;
  return {address: METHOD.address(explorable.state), relevance: r.w.map(w => [...w]), scores: r.scores.map(row => [...row]),
    matches: r.matches, hits: r.hits, mrr: r.mrr, right: r.right, good: r.good, bad: r.foul, sides: r.sides,
    shown: [text(".ex-big"), text(".ex-numbers div:nth-child(2) b")], sentence: text(".ex-frozen"),
    cold: [...document.querySelectorAll(".ex-grid .ex-cold")].length,
    wrong: [...document.querySelectorAll(".ex-grid .ex-wrong")].length};
})"""

# Numbers without the page's way of writing them.
DETAIL = """(() => {
  const all = selector => [...document.querySelectorAll(selector)], plain = text => text.replaceAll("−", "-");
  return {names: all(".ex-label").map(e => e.firstChild.textContent), scores: all(".ex-list b").map(e => +plain(e.textContent)),
    words: all(".ex-bars").map(e => plain(e.title)), ranks: all(".ex-ranks dd").map(e => +e.textContent)};
})()"""
# The chosen emoji and the chart are drawn with the next frame.
FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@pytest.fixture(scope="module")
def stored():
    return explore_data.Stored.read()


@pytest.fixture(scope="module")
def page(site, browser):
    browser.open(site / "book/explore.html", width=1440)
    browser.wait_for("window.explorable")
    return browser


# --- What is committed ----------------------------------------------------------------------------------------------


def same_picture(path, picture, **options):
    """Whether a file is what saving the picture gives; on other systems than ours to the eye, not to the byte."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **options)
    if sys.platform == "linux":
        return buffer.getvalue() == path.read_bytes()
    again, old = (Image.open(x).convert("RGBA") for x in (buffer, path))
    return max(ImageStat.Stat(ImageChops.difference(again, old)).mean) < 1


def test_the_tool_writes_what_is_committed(stored):
    assert stored.text() == explore.DATA.read_text(encoding="utf-8")
    text = explore.PAGE.read_text(encoding="utf-8")
    assert explore.fill(text, stored) == text, "run python book/tools/explore.py"
    both = list(explore.sheets(stored))
    for name, sheet in zip(("left", "right"), both, strict=True):
        assert same_picture(explore.FOLDER / f"{name}.webp", sheet, **explore.QUALITY)
    picture = explore.figure(stored, explore.State.parse(explore.steps(text)[explore.SHOWN]), both)
    assert same_picture(explore.FIGURE, picture, quality=70, method=6)


def test_a_new_run_gives_the_same_embeddings(stored):
    """To the byte on the machine that it was made on; another processor may round otherwise, and that grows."""
    again = explore_data.train()
    assert (again.names, again.uris, again.epochs) == (stored.names, stored.uris, stored.epochs)
    assert again.counterpart.equal(stored.counterpart)
    for old, new in ((stored.embeddings, again.embeddings), (stored.noise, again.noise)):
        assert torch.cosine_similarity(old.double(), new.double(), dim=-1).min() > 0.9
    assert (stored.reliability - again.reliability).abs().mean() < 0.01


def test_pairs_are_test_pairs_with_all_features(stored):
    graphs = explore_data.load(explore_data.DATASET).split(explore_data.SEED)
    row = {uri: k for k, uri in enumerate(graphs.uris)}
    left, right = stored.uris
    pairs = {(row[left[i]], row[right[j]]) for i, j in enumerate(stored.counterpart.tolist())}
    assert len(pairs) == N and pairs <= set(map(tuple, graphs.test.tolist()))
    assert all(graphs.mask(m)[list(pair)].all() for m in graphs.modalities for pair in pairs)


def test_it_stays_small():
    size = {path.name: path.stat().st_size for path in explore.FOLDER.iterdir()}
    assert size.pop("method.js") + size.pop("page.js") <= 40_000
    assert size.pop("explore.css") <= 20_000
    assert sum(size.values()) <= 500_000, size


def test_it_asks_for_nothing_from_outside():
    for path in explore.FOLDER.glob("*.*s"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|\bfetch\(|XMLHttpRequest|\bimport\b|@import|\brequire\(", text), path


# --- The script and the package ---------------------------------------------------------------------------------------


def random_state(rng):
    """The address of a state, as the page would write it, without what is as by default."""
    source = list(range(2 * N))
    for e in rng.sample(source, rng.choice((0, 0, 3, 20, 60))):
        kind = rng.choice("nxs")
        if kind == "s":
            other = rng.randrange(N) + N * (e >= N)
            source[e], source[other] = source[other], source[e]
        else:
            source[e] = e + 2 * N if kind == "n" else -1
    edits = [f"{e}x" if s < 0 else f"{e}n" if s == e + 2 * N else f"{e}-{s}" for e, s in enumerate(source) if s != e]
    hand = sorted(rng.sample(range(2 * N), rng.choice((0, 0, 2, 15))))
    state = {"step": rng.randrange(5), "delta": rng.choice((0, 0.5, rng.randrange(101) / 100))}
    state["freeze"], state["fusion"] = rng.choice(WORDS["freeze"]), rng.choice(WORDS["fusion"])
    state |= {"csls": rng.randrange(2), "match": rng.choice(WORDS["match"])}
    state |= {"on": "".join(m for m in "srai" if rng.random() < 0.8), "show": rng.randrange(2 * N)}
    state |= {"edits": ".".join(edits), "hand": ".".join(map(str, hand))}
    default = vars(explore.State())
    return "&".join(
        f"{key}={value:g}" if key == "delta" else f"{key}={value}"
        for key, value in state.items()
        if value != default[key]
    )


def differs(seen, wanted, stored):
    """Names of all that the page has otherwise than the package."""
    f = wanted.figures
    close = {
        "relevance": (torch.tensor(seen["relevance"]), torch.stack(list(wanted.relevance.values()))),
        "scores": (torch.tensor(seen["scores"]), wanted.scores),
        "hits": (seen["hits"], f["hits"]),
        "mrr": (seen["mrr"], f["mrr"]),
    }
    close = {name: [torch.as_tensor(x, dtype=torch.float64) for x in both] for name, both in close.items()}
    found = [name for name, (a, b) in close.items() if not torch.allclose(a, b, rtol=0, atol=1e-4)]
    sides = [(n, None if n == 0 else round(hits, 4)) for n, hits in seen["sides"]]
    wanted_sides = [
        (f[f"{k} lost"], round(f[f"hits {k} lost"], 4) if f[f"{k} lost"] else None) for k in ("none", "one", "both")
    ]
    counts = [f["good"], f["all good"]], [f["bad"], f["all bad"]]
    correct = (stored.counterpart[wanted.matches[:, 0]] == wanted.matches[:, 1]).sum()
    same = {
        "matches": (seen["matches"], wanted.matches.tolist()),
        "right": (seen["right"], f["right"]),
        "frozen": ((seen["good"], seen["bad"]), counts),
        "sides": (sides, wanted_sides),
        "greyed": (seen["cold"], f["good"] + f["bad"]),
        "framed": (seen["wrong"], len(wanted.matches) - int(correct)),
        "said": (
            [int(x) for x in re.findall(r"\d+", seen["sentence"])],
            [*counts[0], *(counts[1] if f["all bad"] else [])],
        ),
    }
    found += [name for name, (a, b) in same.items() if a != b]
    shown = [float(text) for text in seen["shown"]]
    return found + ["shown"] * any(abs(a - f[name]) > 0.0051 for a, name in zip(shown, ("hits", "mrr"), strict=True))


def test_the_page_computes_what_the_package_does(page, stored):
    rng = random.Random(0)
    addresses = [random_state(rng) for _ in range(STATES)]
    assert len(set(addresses)) > 0.95 * STATES
    for start in range(0, STATES, 20):
        some = addresses[start : start + 20]
        for address, seen in zip(some, page.evaluate(LOOK.replace("ADDRESSES", json.dumps(some))), strict=True):
            assert seen["address"] == address
            assert differs(seen, explore.compute(stored, explore.State.parse(address)), stored) == [], address


def test_a_mistake_in_the_script_would_be_seen(page, stored):
    address = "delta=0.7&fusion=keep&csls=1"
    (seen,) = page.evaluate(LOOK.replace("ADDRESSES", json.dumps([address])))
    other = explore.compute(stored, explore.State.parse("delta=0.72&fusion=keep&csls=1"))
    assert {"relevance", "scores", "frozen", "greyed", "said"} <= set(differs(seen, other, stored))


def test_the_lines_of_the_chart_are_what_the_slider_gives(page, stored):
    page.evaluate("explorable.set(METHOD.parse('fusion=keep&edits=3n.70n.9-14.14-9'))")
    page.evaluate(FRAME)
    lines = page.evaluate("[...document.querySelectorAll('.ex-chart polyline')].map(l => l.getAttribute('points'))")
    for k in (0, 20, 37, 45, 50):
        f = explore.compute(stored, explore.State.parse(f"fusion=keep&edits=3n.70n.9-14.14-9&delta={k / 50}")).figures
        drawn = [1 - float(line.split()[k].split(",")[1]) for line in lines]
        wanted = [f["good"] / f["all good"], f["bad"] / f["all bad"], f["hits"]]
        assert drawn == pytest.approx(wanted, abs=1e-4)


# --- In the reader's hands --------------------------------------------------------------------------------------------


def test_every_step_of_the_tour_is_a_state(page):
    steps = explore.steps(explore.PAGE.read_text(encoding="utf-8"))
    assert len(steps) == 6
    for k, address in enumerate(steps.values()):
        page.evaluate(f"document.querySelectorAll('.ex-dot')[{k}].click()")
        page.wait_for(f"document.querySelectorAll('.ex-dot')[{k}].hasAttribute('aria-current')")
        page.wait_for(f"METHOD.address(explorable.state) == METHOD.address(METHOD.parse({json.dumps(address)}))")
        shown = page.evaluate("[...document.querySelectorAll('.ex-text h3')].map(h => h.firstChild.textContent)")
        assert len(shown) == 1 and shown[0] in explore.PAGE.read_text(encoding="utf-8")


def test_pictures_can_be_corrupted_and_restored(page):
    def act(label, then=""):
        page.evaluate(FRAME)
        page.evaluate(f"document.querySelector('.ex-actions [data-key={label}]').click() {then}")
        return page.evaluate("explorable.state.edits")

    def choose(number):
        return f", document.querySelectorAll('.ex-cell')[{number}].click()"

    page.evaluate("explorable.set({...METHOD.DEFAULT, show: 7})")
    assert [act("Noise"), act("Remove"), act("Restore")] == ["7n", "7x", ""]
    assert act("Swap", choose(2 * 11)) == "7-11.11-7"
    assert page.evaluate("document.querySelectorAll('.ex-grid .ex-bad').length") == 2
    assert act("Restore") == ""
    assert act("Swap", choose(1)) == "", "pictures are swapped within a graph only"
    act("Freeze")
    assert page.evaluate("[explorable.state.hand, explorable.result.frozen[7]]") == ["7", True]


def test_what_is_pressed_keeps_the_focus(page):
    page.evaluate("explorable.set({...METHOD.DEFAULT, show: 7})")
    page.evaluate(FRAME)
    for key, then in (("Freeze", "Freeze"), ("Noise", "Restore")):
        page.evaluate(f"document.querySelector('.ex-actions [data-key={key}]').focus()")
        page.press("Enter", windowsVirtualKeyCode=13, text="\r")
        page.evaluate(FRAME)
        assert page.evaluate("document.activeElement.dataset.key") == then


def test_what_the_chosen_emoji_shows(page, stored):
    """Candidates in order, their bars, and the rank if pictures were dropped: all as the package has them."""
    right = 60 + int(stored.counterpart[15])
    for address in ("show=15&fusion=keep", "show=15&fusion=evidence&csls=1&edits=many", f"show={right}&fusion=weights"):
        page.evaluate(f"explorable.set(METHOD.parse('{address}'))")
        page.evaluate(FRAME)
        seen = page.evaluate(DETAIL)
        state = explore.State.parse(address)
        scores = explore.compute(stored, state).scores
        row, names = (scores[15], stored.names[1]) if state.show == 15 else (scores[:, right - 60], stored.names[0])
        best = row.argsort(descending=True)[:5]
        assert seen["names"][:5] == [names[k] for k in best]
        assert seen["scores"][:5] == pytest.approx(row[best].tolist(), abs=0.0051)
        words = [[float(x) for x in re.findall(r"-?\d*\.\d+", text)] for text in seen["words"]]
        assert [sum(parts) for parts in words] == pytest.approx(seen["scores"], abs=0.031)
        dropped = ("", f"{state.show}", f"{right if state.show == 15 else 15}", f"15.{right}")
        wanted = [explore.compute(stored, explore.State.parse(f"{address}&hand={x}")).figures["rank"] for x in dropped]
        assert seen["ranks"] == wanted


def test_the_story_is_what_the_numbers_say(stored):
    """What the six steps tell in words."""
    states = explore.steps(explore.PAGE.read_text(encoding="utf-8"))

    def figures(name, more=""):
        return explore.compute(stored, explore.State.parse(f"{states[name]}&{more}")).figures

    assert figures("look-alike")["rank"] > 1 and figures("look-alike")["w"] > 0.8
    assert figures("threshold")["hits"] < figures("pairs")["hits"] - 0.05
    shark = explore.State.parse(states["one-sided"]).hand
    kept, one, both = (figures("one-sided", f"hand={dropped}")["rank"] for dropped in ("", shark, f"15.{shark}"))
    assert kept == both == 1 < one
    oracle = figures("oracle")
    assert oracle["hits"] <= figures("oracle", "on=sra")["hits"]
    assert oracle["hits one lost"] < min(oracle["hits none lost"], oracle["hits both lost"]) - 0.1
    assert figures("oracle", "fusion=none")["rank"] < oracle["rank"]
    assert figures("evidence")["hits"] > oracle["hits"]
    for pictures in ("edits=many", "edits="):
        free, plain = (figures("evidence", f"{pictures}&freeze=score&fusion={x}")["hits"] for x in ("evidence", "none"))
        assert free > plain


def test_switches_and_address_say_the_same(page):
    page.evaluate("explorable.set({...METHOD.DEFAULT})")
    page.evaluate("document.querySelector('input[name=ex-fusion][value=evidence]').click()")
    page.evaluate("document.querySelector('input[name=ex-csls][value=\"1\"]').click()")
    page.evaluate("document.querySelectorAll('.ex-chip input')[1].click()")
    page.wait_for("location.hash == '#fusion=evidence&csls=1&on=sai'")
    page.evaluate("location.hash = 'fusion=keep&delta=0.5&nonsense=1&step=99&show=-3&edits=999n.1-200'")
    page.wait_for("explorable.state.fusion == 'keep'")
    assert page.evaluate("METHOD.address(explorable.state)") == "delta=0.5&fusion=keep", (
        "what makes no sense is left out"
    )


def test_a_slider_that_moves_writes_one_address(page):
    """Browsers refuse hundreds of addresses in a few seconds, and then also the next step of the tour."""
    page.evaluate("window.written = 0, window.replace = history.replaceState.bind(history)")
    page.evaluate("history.replaceState = (...all) => { written += 1; replace(...all); }")
    page.evaluate("for (let k = 0; k <= 400; k++) explorable.set({...METHOD.DEFAULT, delta: k / 500})")
    page.wait_for("location.hash == '#delta=0.8'")
    assert page.evaluate("written") == 1
    page.evaluate("explorable.set({delta: 0.3}), document.querySelectorAll('.ex-dot')[2].click()")
    page.wait_for("document.querySelectorAll('.ex-dot')[2].hasAttribute('aria-current')")
    page.evaluate("new Promise(done => setTimeout(done, 400))")
    assert page.evaluate("written") == 1, "a step of the tour takes back what was to be written"


def test_the_keyboard_reaches_everything(page):
    page.evaluate("explorable.set({...METHOD.DEFAULT}), document.querySelector('.ex-cell').focus()")
    for key, code in (("ArrowRight", 39), ("ArrowDown", 40), ("ArrowLeft", 37)):
        page.press(key, windowsVirtualKeyCode=code)
    page.press("Enter", windowsVirtualKeyCode=13, text="\r")
    assert page.evaluate("explorable.state.show") == 5, "one row below the first"
    page.evaluate("document.querySelector('#ex-delta').focus()")
    page.press("ArrowRight", windowsVirtualKeyCode=39)
    assert page.evaluate("[explorable.state.delta, document.querySelector('#ex-delta').ariaValueText]") == [0.01, ".01"]
    assert "Hits@1" in page.evaluate("document.querySelector('.ex [role=status]').textContent")
    stops = page.evaluate("document.querySelectorAll('.ex-grid [tabindex=\"0\"]').length")
    assert stops == 1, "the pairs are one stop of the tab key"


def test_without_scripts_picture_and_table_remain(site):
    article = parse(site / "book/explore.html").select_one("article")
    assert article.select_one(".ex-static img")["alt"].strip()
    assert len(article.select("table tbody tr")) == 6
    assert not article.select("#explorable *"), "no dead control"
    assert len(article.select("[data-state]")) == 6
    css = (ROOT / "book/_static/explore/explore.css").read_text(encoding="utf-8")
    assert "html:not(.ex-live) #explorable { display: none; }" in css
