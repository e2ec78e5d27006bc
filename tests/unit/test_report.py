"""The page of an alignment: what is in it, and that nothing in it can be more than text."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from PIL import Image
from reports import HOSTILE, alignment, describe, subject

from pmf_minimal import own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets.escape import one_line, printable
from pmf_minimal.errors import NotWritable
from pmf_minimal.own import report
from pmf_minimal.own.alignment import Alignment
from pmf_minimal.runs.folder import write_table


def parts(html):
    """The page, and its pieces of JSON by id."""
    soup = BeautifulSoup(html, "html.parser")
    found = soup.select("script[type='application/json']")
    return soup, {tag["id"]: json.loads(tag.string) for tag in found}


def test_all_matches_are_in_it():
    made = alignment()
    _, data = parts(report.page(made, subject()))
    facts, matches = data["data"], data["data"]["matches"]
    assert matches["left_uri"] == list(made.matches["left_uri"]) and matches["right_name"][3] == "entity 3 too"
    assert np.allclose(matches["score"], made.matches["score"], rtol=1e-4)
    assert np.allclose(np.sum(matches["parts"], axis=0), matches["evidence"], atol=1e-3)
    assert facts["modalities"] == ["char", "image", "structure"]
    assert sum(matches["kept"]) == len(made.kept) and sum(matches["known"]) == 10
    assert facts["thresholds"]["precision"] == list(made.thresholds["precision"])
    assert facts["notes"] == ["a note"] and facts["entities"] == [45, 47] and facts["asked"] == 0.9
    # Values, in the order of the review.
    left, right = data["details-0"][0]
    uri = matches["left_uri"][facts["order"][0]]
    number = uri.rsplit("/", 1)[1]
    assert [facts["words"][k] for k, *_ in left[0]] == [*describe("left", uri)] and left[0][0][1:] == [[number], 0]
    assert len(right[0]) == 2 and right[1] is None and facts["described"] == 40


def test_the_hardest_come_first():
    made = alignment()
    by_probability = made.matches["probability"].iloc[report.hardest_first(made)]
    assert (by_probability.sub(0.5).abs().diff().dropna() >= 0).all()
    del made.matches["probability"]
    least = made.kept.loc[~made.kept["known"], "score"].min()
    by_score = made.matches["score"].iloc[report.hardest_first(made)]
    assert by_score.iloc[0] == least and (by_score.sub(least).abs().diff().dropna() >= 0).all()
    made.kept = made.matches[made.matches["known"]]
    assert report.hardest_first(made)[0] == made.matches["score"].argmax()


def test_what_is_not_known_is_no_number():
    made = alignment(thresholds=0, probability=False)
    made.matches["precision"] = np.nan
    _, data = parts(report.page(made, subject()))
    assert data["data"]["matches"]["precision"] == [None] * 40 and data["data"]["thresholds"]["threshold"] == []
    assert "probability" not in data["data"]["matches"]


@pytest.mark.parametrize("n, known", [(0, 0), (5, 0), (5, 5)])
def test_without_matches_or_seeds(n, known):
    _, data = parts(report.page(alignment(n, known), subject()))
    assert len(data["data"]["matches"]["score"]) == n == data["data"]["described"] and ("details-0" in data) == (n > 0)


# --- Hostile labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_text(label):
    made = alignment(12, names=[label], n_known=3)
    made.matches = made.matches.rename(columns={"from char": f"from {label}"})
    html = report.page(made, subject(lambda side, uri: {label: [label, "other"]}, label, [label]))
    soup, data = parts(html)
    assert soup.select("script:not([type='application/json'])") == soup.select("body > script[type=module]")
    assert len(soup.select("script[type=module]")) == 1 and not soup.select("img, [onerror], iframe, object")
    html.encode()  # no lone surrogate
    facts = data["data"]
    assert facts["title"] == printable(label) == facts["modalities"][0] == facts["notes"][0]
    assert facts["matches"]["left_name"][0] == one_line(label) == facts["words"][0]
    assert data["details-0"][0][0][0][0][1] == [one_line(label), "other"]
    for tag in soup.select("script[type='application/json']"):
        assert not re.search("[<>&\u2028\u2029\u202e\u2066\x00-\x1f\x7f-\x9f\ud800]", tag.string)


def test_nothing_in_json_ends_its_element():
    text = "</script> & \u2028\u2029"
    element = report._element("x", [text])
    assert not re.search("[<>&\u2028\u2029]", element.removesuffix("</script>").partition(">")[2])
    assert json.loads(BeautifulSoup(element, "html.parser").script.string) == [text]


def test_the_policy_lets_one_script_run_and_nothing_be_fetched():
    soup, _ = parts(report.page(alignment(), subject()))
    policy = soup.select_one("meta[http-equiv='Content-Security-Policy']")["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    (script,), (style,) = soup.select("script[type=module]"), soup.select("style")
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:" and rules["base-uri"] == "'none'"
    assert (
        rules["script-src"] == f"'{report._hash(script.string)}'"
        and rules["style-src"] == f"'{report._hash(style.string)}'"
    )
    assert report._hash("") == "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # as published for the empty text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script.string)
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(https?:)?//", str(soup))


def test_huge_values_are_cut():
    made = alignment(4, 1, names=["x" * 1_000_000])
    long = "x" * 20_000  # uncut, one entity's values would be 90 MB
    html = report.page(
        made, subject(lambda side, uri: {f"a{k} {long}": [f"{v} {long}" for v in range(50)] for k in range(90)})
    )
    _, data = parts(html)
    values = data["details-0"][0][0][0]
    assert (
        len(values) == report.ATTRIBUTES and len(values[0][1]) == report.VALUES and values[0][2] == 50 - report.VALUES
    )
    assert all(len(v) == report.LETTERS for v in values[0][1]) and len(html) < 3_000_000


# --- Size -----------------------------------------------------------------------------------------------------------

#: Bytes of a page of 20,000 matches, values of the hardest included: what a mail takes and a browser opens at once.
LARGEST = 20_000_000


def test_a_big_alignment_stays_small():
    made = alignment(20_000, 1000)
    html = report.page(
        made, subject(lambda side, uri: {f"http://{side}/p{k}": [f"value {k} of {uri}"] * 3 for k in range(8)})
    )
    assert len(html.encode()) < LARGEST
    _, data = parts(html)
    assert len(data["data"]["matches"]["score"]) == 20_000 and 1000 < data["data"]["described"] < 20_000
    blocks = [data[f"details-{k}"] for k in range(len(data) - 1)]
    assert sum(map(len, blocks)) == data["data"]["described"] and {*map(len, blocks[:-1])} == {report.BLOCK}


# --- Pictures -------------------------------------------------------------------------------------------------------


def test_pictures_from_files_and_from_a_function(tmp_path):
    Image.new("RGB", (600, 300), "red").save(tmp_path / "a.png")
    made = alignment(3, 1)
    files = {"left": {"http://l/2": tmp_path / "a.png"}, "right": {}}
    _, data = parts(report.page(made, subject(picture=lambda side, uri: files[side].get(uri))))
    at = data["data"]["order"].index(2)
    assert data["details-0"][at][0][1].startswith("data:image/webp;base64,") and data["details-0"][at][1][1] is None
    picture = Image.new("RGBA", (600, 300), "#00ff0080")
    _, data = parts(report.page(made, subject(picture=lambda side, uri: picture if side == "right" else None)))
    assert [record[1][1] for record in data["details-0"]] == [report._data_uri(picture)] * 3
    assert picture.size == (600, 300)  # the caller's is left as it is


# --- Files ----------------------------------------------------------------------------------------------------------


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text(f"older {report.MARK}")  # what is no page of ours is refused
    report.write(alignment(), path, subject())
    assert path.read_text("utf-8") == report.page(alignment(), subject()) and [*tmp_path.iterdir()] == [path]

    def full(*_):
        raise OSError(28, "No space left on device")

    def read_only(*_, **__):  # as a disk becomes that has errors
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(report, "move_into_place", full)
    with pytest.raises(NotWritable, match="report.html: cannot be written .No space"):
        report.write(alignment(5, 2), path, subject())
    assert [*tmp_path.iterdir()] == [path] and len(path.read_text("utf-8")) > 10_000
    monkeypatch.setattr(report, "check", lambda _: None)
    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(NotWritable, match="report.html: cannot be written .No space"):
        report.write(alignment(5, 2), path, subject())


@pytest.mark.parametrize(
    "name, words",
    [
        ("left.ttl", "ends in .html"), ("0.nt/a/report.html", "cannot be written"), ("x.html", "ends in"),
        ("run.html", "the results go there"), (f"new/{'y' * 300}/report.html", "cannot be written"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_is_told_before_the_work(tmp_path, monkeypatch, name, words):
    (tmp_path / "x.html").mkdir()
    (tmp_path / "0.nt").write_text("<http://0/1> <http://r> <http://0/2> .\n")
    monkeypatch.setattr(own, "read_graph", lambda *_: pytest.fail("read"))
    sides = [str(tmp_path / "0.nt")] * 2
    for words_of in (["align", *sides, "--start", "names"], ["predict", str(tmp_path), *sides]):
        out = tmp_path / "run.html" / "below"
        done = CliRunner().invoke(main, [*words_of, "--report", str(tmp_path / name), "--out", str(out)])
        assert done.exit_code == 2 and words in done.output, done.output
    assert {path.name for path in tmp_path.iterdir()} == {"x.html", "0.nt"}


def test_align_and_predict_write_it(tmp_path):
    rng = np.random.default_rng(0)
    links = rng.integers(0, 24, (60, 2))
    for side in "lr":
        folder = tmp_path / side
        folder.mkdir()
        (folder / "triples.csv").write_text(
            "head,relation,tail\n" + "".join(f"{side}{a},r,{side}{b}\n" for a, b in links)
        )
        (folder / "names.csv").write_text("entity,name\n" + "".join(f"{side}{i},=name {i * i}\n" for i in range(24)))
        (folder / "images.csv").write_text("entity,path\n" + f"{side}3,3.png\n{side}4,3.png\n")
        Image.new("RGB", (64, 64), "red").save(folder / "3.png")
    (tmp_path / "seeds.csv").write_text("".join(f"l{i},r{i}\n" for i in range(12)))
    sides, run = [str(tmp_path / side) for side in "lr"], str(tmp_path / "run")
    page, again = str(tmp_path / "report.html"), str(tmp_path / "again.html")
    seeds = ["--seeds", str(tmp_path / "seeds.csv")]
    done = CliRunner().invoke(main, ["align", *sides, *seeds, "--out", run, "--report", page])
    assert done.exit_code == 0 and f"Open {page} in a browser" in done.output, done.output
    _, data = parts((tmp_path / "report.html").read_text("utf-8"))
    table = pd.read_csv(tmp_path / "run" / "matches.csv")
    matches = data["data"]["matches"]
    assert matches["left_uri"] == list(table["left_uri"]) and matches["known"] == list(table["known"].astype(int))
    assert matches["kept"] == list(table["kept"].astype(int)) and matches["left_name"][0].startswith("=name")
    assert np.allclose(matches["evidence"], table["evidence"], atol=1e-3)
    pictures = [side[1] for block in data if block != "data" for record in data[block] for side in record]
    assert sum(picture is not None for picture in pictures) == 4
    done = CliRunner().invoke(main, ["predict", run, *sides, "--out", str(tmp_path / "out"), "--report", again])
    assert done.exit_code == 0 and (tmp_path / "again.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    for k, page in enumerate(("2/a/report.html", "new/deep/report.html")):  # the first one beside the results
        done = CliRunner().invoke(
            main, ["predict", run, *sides, "--out", str(tmp_path / f"2/{'ab'[k]}"), "--report", str(tmp_path / page)]
        )
        assert done.exit_code == 0 and (tmp_path / page).read_bytes() == (tmp_path / "report.html").read_bytes()


class Entities(list):
    images = {}


def test_of_an_alignment(tmp_path):
    made, picture = alignment(), Image.new("RGB", (9, 9), "red")
    made.graphs = [Entities(range(45)), Entities(range(47))]
    made.notes, made.describe, made.settings = (
        ["a note"],
        lambda side, uri: {},
        {"rejected": [["http://l/9", "http://r/8"]]},
    )
    Alignment.report(made, tmp_path / "a.html", "a name", picture=lambda side, uri: picture)
    about = subject(
        lambda side, uri: {}, "a name", picture=lambda side, uri: picture, rejected=[("http://l/9", "http://r/8")]
    )
    page = report.page(made, about)
    assert parts(page)[1]["data"]["rejected"] == [["http://l/9", "http://r/8"]]
    assert (tmp_path / "a.html").read_text("utf-8") == page


# --- Ids that our tables guard from spreadsheets --------------------------------------------------------------------


def test_guarded_ids_are_read_back(tmp_path):
    ids = ["=1+1", "@a", "-b", "plain", "c\x07d", "'=quoted"]
    sides = [own.Tables(pd.DataFrame([(f"{e}{s}", "r", f"plain{s}") for e in ids])) for s in "lr"]
    pairs = pd.DataFrame([(f"{e}l", f"{e}r") for e in ids], columns=["left", "right"])
    write_table(pairs, tmp_path / "seeds.csv")
    assert (
        "'=1+1l,'=1+1r" in (tmp_path / "seeds.csv").read_text() and r"c\x07dl" in (tmp_path / "seeds.csv").read_text()
    )
    pairs.to_csv(tmp_path / "plain.csv", index=False)  # without any guard, too
    for file in ("seeds.csv", "plain.csv"):
        assert own.read_pairs(tmp_path / file, *sides).to_numpy().tolist() == pairs.to_numpy().tolist()
