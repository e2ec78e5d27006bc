"""The page of an alignment as a person has it: in a browser, from a file, by mouse and keyboard, in light and dark, on a phone."""

import json

import pandas as pd
import pytest
from axechecks import COLOURS, FOCUS, TAB, load_axe, violations
from bookfiles import ROOT
from pagechecks import too_wide
from PIL import Image
from reports import HOSTILE, alignment, subject

from pmf_minimal import own
from pmf_minimal.datasets.escape import one_line, printable
from pmf_minimal.own import report
from pmf_minimal.runs.folder import write_table

WIDE, PHONE = 1440, 390
# Where the pictures go: what the continuous integration keeps, for people to look at.
PICTURES = ROOT / "_build" / "screenshots"
TEXTS = "[...document.querySelectorAll('%s')].map(e => e.textContent)"


@pytest.fixture
def shown(browser, tmp_path):
    """Opens the page of an alignment and returns what the browser reported meanwhile; nothing of an older review is left."""

    def open_page(made, about=None, clear=True, **more):
        path = tmp_path / "report.html"
        report.write(made, path, about or subject())
        events = browser.open(path, **more)
        if clear and browser.evaluate("localStorage.length"):
            browser.evaluate("localStorage.clear()")
            events = browser.open(path, **more)
        return events

    return open_page


def texts(browser, selector):
    return browser.evaluate(TEXTS % selector)


def text(browser, selector):
    (found,) = texts(browser, selector)
    return found


def names(browser):
    """Left names of the rows of the list."""
    return texts(browser, "#rows .names bdi:first-child")


def choose(browser, field, value):
    browser.evaluate(
        f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input', {{bubbles: true}})) }})"
        f"(document.getElementById('{field}'))"
    )


def press(browser, keys):
    for key in keys:
        browser.press(key)


def mistakes(events):
    """What the browser complains of."""
    return [e for e in events if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]


def queue(made):
    """Left names of the new matches in the order of the review."""
    rows = report.hardest_first(made)
    return [made.matches["left_name"][i] for i in rows if not made.matches["known"][i]]


# --- How it looks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_axe_finds_nothing(browser, shown, width, dark):
    picture = Image.radial_gradient("L").resize((99, 60))
    about = subject(picture=lambda side, uri: picture if side == "left" else None)
    shown(alignment(120), about, width=width, dark=dark)
    assert not too_wide(browser, width)
    browser.resize(width, 900)
    browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    # One of each decision, and one that is shown with its decision.
    press(browser, "arukk")
    load_axe(browser)
    PICTURES.mkdir(parents=True, exist_ok=True)
    browser.screenshot(PICTURES / f"report-{width}-{'dark' if dark else 'light'}.webp", 4000)
    assert violations(browser) == []
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 150) == dark


def test_axe_would_find_a_pale_word(browser, shown):
    """The page's policy does not keep axe out."""
    shown(alignment())
    load_axe(browser)
    browser.evaluate("document.getElementById('lead').style.color = '#ddd'")
    assert {hit[0] for hit in violations(browser, COLOURS)} == {"color-contrast"}


def test_every_stop_of_the_tab_key_can_be_seen(browser, shown):
    shown(alignment(15), width=WIDE)
    stops = []
    for _ in range(80):
        browser.press("Tab", **TAB)
        stop = browser.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop)
    else:
        pytest.fail("the tab key never leaves the page")
    assert len(stops) == 20 and [stop for stop in stops if not (stop["shown"] and stop["marked"])] == []
    assert {"A", "SUMMARY", "BUTTON", "INPUT", "SELECT"} <= {stop["tag"] for stop in stops}


def test_the_threshold_moves_by_the_arrow_keys(browser, shown):
    made = alignment()
    shown(made)
    step = made.thresholds[made.thresholds["precision"] >= made.precision].iloc[-1]
    assert f"{step['matches']:.0f} matches, precision {step['precision']:.0%}".replace("%", " %") in text(
        browser, "output"
    )
    browser.evaluate("document.getElementById('threshold').focus()")
    browser.press("ArrowRight", windowsVirtualKeyCode=39)
    above = made.thresholds.iloc[step.name - 1]
    assert f"From a score of {above['threshold']:.2f} on: {above['matches']:.0f} matches" in text(browser, "output")
    assert browser.evaluate("document.getElementById('threshold').ariaValueText") == text(browser, "output")


# --- What is in it --------------------------------------------------------------------------------------------------


def test_nothing_is_asked_from_the_network(browser, shown):
    picture = Image.new("RGB", (9, 9), "red")
    events = shown(alignment(200), subject(picture=lambda side, uri: picture))
    press(browser, "arujkz")
    browser.evaluate("document.getElementById('save').click()")
    events = [*events, *browser.events]
    asked = {e["params"]["request"]["url"].split(":")[0] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked <= {"file", "data", "blob"} and "data" in asked
    assert mistakes(events) == []


def test_the_policy_holds(browser, shown):
    """A script that is not the page's, a picture from elsewhere, a request: whatever tries is stopped by the browser."""
    shown(alignment())
    stopped = browser.evaluate("""new Promise(done => {
      const found = [];
      document.addEventListener("securitypolicyviolation", event => found.push(event.effectiveDirective) == 3 && done(found));
      document.body.append(Object.assign(document.createElement("script"), {textContent: "window.hit = 1"}));
      document.body.append(Object.assign(document.createElement("img"), {src: "http://example.org/a.png"}));
      fetch("http://example.org/").catch(() => 0);
      setTimeout(done, 5000, found);
    })""")
    assert {*stopped} == {"script-src-elem", "img-src", "connect-src"}
    assert browser.evaluate("window.hit === undefined")


def test_a_match_with_its_evidence_and_values(browser, shown):
    made = alignment()
    shown(made)
    i = report.hardest_first(made)[0]
    row = made.matches.loc[i]
    assert texts(browser, "#detail .entity .name") == [row["left_name"], row["right_name"]]
    numbers = texts(browser, "#detail .waterfall .number:not(.odds)")
    parts = [row["from char"], row["from image"], row["from structure"], row["evidence"]]
    assert numbers == [f"{x:+.2f}".replace("-", "−") for x in parts]
    # The bars begin where the one before ended.
    box = "[...document.querySelectorAll('#detail .bar')].map(e => [e.offsetLeft, e.offsetLeft + e.offsetWidth])"
    char, image, structure, together = browser.evaluate(box)
    assert (
        row["score"] > 0
        and image[0] == pytest.approx(char[1], abs=2)
        and structure[1] == pytest.approx(image[1], abs=2)
    )
    assert together == pytest.approx([char[0], structure[0]], abs=2)
    cells = texts(browser, "#detail .sides tbody tr")
    assert len(cells) == 3 and cells[-1].startswith("left only") and "this side" in cells[-1]
    number = row["left_uri"].rsplit("/", 1)[1]
    assert texts(browser, "#detail .sides mark").count(number) == 4  # the age, and in the name, of both
    assert browser.evaluate("document.querySelector('#detail .sides .label').title").startswith("http://left/")


def test_names_that_are_matched_are_marked(browser, shown):
    """Neighbours in two languages: no word is common, but the match is known."""
    made = alignment()
    made.matches["right_name"] = [f"anderes {i}x" for i in range(40)]
    near = {"left": {"near": ["entity 7"]}, "right": {"bei": ["anderes 7x"]}}
    price = {"left": "29.99", "right": "4.99"}

    def describe(side, uri):
        own_name = made.matches.set_index(f"{side}_uri").loc[uri, f"{side}_name"]
        return near[side] | {"name": [own_name], "price": [price[side]]}

    shown(made, subject(describe))
    assert texts(browser, "#detail .sides mark") == ["entity 7", "anderes 7x"]


def test_what_is_nearly_certain_is_not_called_certain(browser, shown):
    made = alignment(4, 0)
    made.matches["probability"] = [1.0, 0.9991, 0.42, 0.0004]
    shown(made)
    choose(browser, "order", "sure")
    measures = browser.evaluate("[...document.querySelectorAll('.measure')].map(e => e.firstChild.textContent)")
    assert measures == ["100 %", ">99 %", "42 %", "<1 %"]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_is_shown_as_text(browser, shown, label):
    made = alignment(3, 0, names=[label, label, label])
    made.matches = made.matches.rename(columns={"from char": f"from {label}"})
    events = shown(made, subject(lambda side, uri: {label: [label]}, label, [label]))
    assert browser.evaluate("window.hit === undefined") and mistakes(events) == []
    assert browser.evaluate("document.querySelectorAll('script, img, iframe').length") == 3  # ours, and two of data
    assert (
        one_line(label) == text(browser, "#detail .entity:first-child .name") == texts(browser, "#detail .sides li")[0]
    )
    axis = texts(browser, "#detail .waterfall tbody th")[0]
    assert printable(label) == text(browser, "h1") == text(browser, "#notes li") == axis


def test_no_matches(browser, shown):
    events = shown(alignment(0, 0, thresholds=0))
    assert "There are no matches." in text(browser, "#detail") and "No new match was found." in text(browser, "#rest")
    assert "nothing can be said" in text(browser, "#curve")
    press(browser, "arjkuz")
    assert mistakes([*events, *browser.events]) == [] and "(0 pairs)" in text(browser, "#save")


def test_known_pairs_only(browser, shown):
    shown(alignment(8, 8))
    assert text(browser, "#count") == "8 matches" and "(8 pairs)" in text(browser, "#save")


def test_of_twenty_thousand_matches_fifty_are_rows(browser, shown):
    made = alignment(20_000, 1000)
    shown(made, subject(lambda side, uri: {f"p{k}": [f"value {k} of {uri}"] * 3 for k in range(8)}))
    hard = queue(made)
    assert names(browser) == hard[:50] and text(browser, "#count") == "19,000 matches"
    assert browser.evaluate("document.querySelectorAll('*').length") < 2000
    press(browser, "j" * 50)  # over the end of the first page
    assert names(browser) == hard[50:100] and text(browser, "#place") == "page 2 of 380"
    browser.evaluate("document.getElementById('after').click()")
    assert names(browser) == hard[100:150]
    choose(browser, "query", "entity 19999")
    assert names(browser) == ["entity 19999"]
    assert "only the" in text(browser, "#detail") and len(texts(browser, "#detail .waterfall")) == 1


# --- Filters --------------------------------------------------------------------------------------------------------


def test_filters(browser, shown):
    made = alignment(60)
    shown(made)
    m = made.matches
    kept = m.index.isin(made.kept.index)
    for group, mask in (
        ("new", ~m["known"]),
        ("kept", ~m["known"] & kept),
        ("left", ~m["known"] & ~kept),
        ("known", m["known"]),
        ("all", m["known"] | True),
    ):
        choose(browser, "group", group)
        assert text(browser, "#count") == f"{mask.sum()} matches" and {*names(browser)} <= {*m["left_name"][mask]}
    for order, wanted in (
        ("sure", m.sort_values("score", ascending=False)),
        ("least", m.sort_values("score")),
        ("name", m.sort_values("left_name")),
        ("hard", m.loc[report.hardest_first(made)]),
    ):
        choose(browser, "order", order)
        assert names(browser) == list(wanted["left_name"])[:50]
    best = m[["from char", "from image", "from structure"]].to_numpy().argmax(axis=1)
    assert {0, 2} == {*best}
    choose(browser, "main", "2")
    assert {*names(browser)} == {*m["left_name"][best == 2]}
    choose(browser, "main", "")
    choose(browser, "query", "TOO  entity 3")
    assert {*names(browser)} == {f"entity {i}" for i in range(60) if "3" in str(i)}
    choose(browser, "query", "http://r/59")
    assert names(browser) == ["entity 59"]
    choose(browser, "query", "nowhere")
    assert (
        names(browser) == [] and "No match fits" in text(browser, "#detail") and text(browser, "#count") == "0 matches"
    )


def test_filter_by_decision(browser, shown):
    made = alignment(60)
    shown(made)
    hard = queue(made)
    choose(browser, "decided", "open")
    press(browser, "aru")  # each leaves the list, and the next one comes
    assert names(browser) == hard[3:] and text(browser, "#detail .entity:first-child .name") == hard[3]
    for word, name in (("accepted", hard[0]), ("rejected", hard[1]), ("unsure", hard[2])):
        choose(browser, "decided", word)
        assert names(browser) == [name]


# --- Review ---------------------------------------------------------------------------------------------------------


def download(browser, folder):
    """What the page saves."""
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
    browser.events.clear()
    browser.evaluate("document.getElementById('save').click()")
    browser.wait(lambda e: e["method"] == "Browser.downloadProgress" and e["params"]["state"] == "completed")
    (path,) = folder.iterdir()
    return path


def seeds(made, rows):
    table = made.matches.loc[sorted(rows), ["left_uri", "right_uri", "left_name", "right_name"]]
    return table.rename(columns={"left_uri": "left", "right_uri": "right"})


def test_review_by_keyboard(browser, shown, tmp_path):
    made = alignment(names=["=1+1", 'a "quoted", one'], n_known=4)
    made.matches["left_uri"] = [f"=l{i}" if i % 2 else f"http://l/{i}" for i in range(40)]
    shown(made, subject(lambda side, uri: {}, rejected=[("=l1", "=r,2")]))  # by the review before
    hard = [i for i in report.hardest_first(made) if i >= 4]
    press(browser, "aarjuka")  # accept two, reject one, leave one, unsure, back to it, accept it after all
    assert text(browser, "#tally") == "3 accepted · 1 rejected · 0 unsure"
    assert text(browser, "[role=status]").startswith(f"accepted: {made.matches['left_name'][hard[4]]} = ")
    choose(browser, "group", "known")
    press(browser, "r")  # a known pair that is wrong
    wrong = [i for i in report.hardest_first(made) if i < 4][0]
    accepted = [hard[0], hard[1], hard[4]]
    assert text(browser, "#save") == "Save seeds.csv (6 pairs, 3 rejected)"
    (tmp_path / "down").mkdir()
    path = download(browser, tmp_path / "down")
    assert path.name == "seeds.csv"
    before = pd.DataFrame(
        {"left": ["=l1"], "right": ["=r,2"], "left_name": "", "right_name": "", "verdict": "rejected"}
    )
    rejected = [seeds(made, {i}).assign(verdict="rejected") for i in (hard[2], wrong)]
    expected = seeds(made, {0, 1, 2, 3} - {wrong} | {*accepted}).assign(verdict="accepted")
    expected = pd.concat([expected, before, *rejected])
    write_table(expected, tmp_path / "expected.csv")
    assert path.read_bytes() == (tmp_path / "expected.csv").read_bytes()
    sides = [
        own.Tables(pd.DataFrame([(uri, "r", uri) for uri in made.matches[f"{side}_uri"]])) for side in ("left", "right")
    ]
    back = own.read_pairs(path, *sides)[["left", "right", "verdict"]]
    expected.iloc[-3, 1] = "'=r,2"  # no graph has it
    assert back.to_numpy().tolist() == expected[["left", "right", "verdict"]].to_numpy().tolist()


def test_the_same_key_takes_it_back_and_undo_does_too(browser, shown):
    made = alignment()
    shown(made)
    press(browser, "ak")
    assert browser.evaluate("document.querySelector('[data-verdict=accepted]').ariaPressed") == "true"
    press(browser, "a")
    assert text(browser, "#tally") == "0 accepted · 0 rejected · 0 unsure"
    press(browser, "zz")  # the taking back, then the accepting
    assert text(browser, "#tally") == "0 accepted · 0 rejected · 0 unsure"
    press(browser, "rrz")
    assert text(browser, "#tally") == "0 accepted · 1 rejected · 0 unsure"
    assert text(browser, "#detail .entity:first-child .name") == queue(made)[1]


def test_a_key_that_is_held_down_decides_once(browser, shown):
    shown(alignment())
    for repeat in (False, True, True):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="a", code="KeyA", autoRepeat=repeat)
    assert text(browser, "#tally").startswith("1 accepted")


def test_letters_in_the_search_decide_nothing_and_keys_can_be_off(browser, shown):
    shown(alignment())
    press(browser, "/")
    assert browser.evaluate("document.activeElement.id") == "query"
    press(browser, "a")
    assert text(browser, "#tally").startswith("0 accepted")
    browser.evaluate("document.activeElement.blur(); document.getElementById('keys').click()")
    press(browser, "a")
    assert text(browser, "#tally").startswith("0 accepted")


def test_decisions_outlast_the_page_but_not_other_graphs(browser, shown):
    made = alignment()
    shown(made)
    press(browser, "ar")
    shown(alignment(), clear=False)
    assert text(browser, "#tally") == "1 accepted · 1 rejected · 0 unsure"
    shown(made, subject(title="others"), clear=False)
    assert text(browser, "#tally") == "0 accepted · 0 rejected · 0 unsure"


def test_buttons_do_what_keys_do_and_keep_the_focus(browser, shown):
    made = alignment()
    shown(made)
    browser.evaluate("document.querySelector('[data-verdict=unsure]').focus(); document.activeElement.click()")
    assert text(browser, "#tally") == "0 accepted · 0 rejected · 1 unsure"
    assert browser.evaluate("document.activeElement.dataset.verdict") == "unsure"
    browser.evaluate("document.querySelectorAll('#rows button')[5].focus(); document.activeElement.click()")
    assert text(browser, "#detail .entity:first-child .name") == queue(made)[5]
    assert browser.evaluate("document.activeElement.ariaCurrent") == "true"
