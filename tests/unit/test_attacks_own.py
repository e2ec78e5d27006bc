"""What people and programs may hand to `align`, as a user would: each is read as it says, or refused in one sentence before the work."""

import gzip
import json
import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pmf_minimal import errors, own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets import worlds
from pmf_minimal.own import graph, learnt, rdf, report
from pmf_minimal.own.clean import MAX_ID, clean
from pmf_minimal.own.modalities import Dense
from pmf_minimal.own.tables import Tables
from pmf_minimal.own.words import MAX_TEXT, fold

NAMES = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Donald Knuth"]


def table(path, heading="id,name", names=NAMES, start=""):
    path.write_text(f"{heading}\n" + "".join(f"{start}{k},{name}\n" for k, name in enumerate(names)), "utf-8")
    return path


@pytest.fixture
def sides(tmp_path):
    return [table(tmp_path / f"{side}.csv", start=side) for side in "lr"]


def command(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def refused(*words):
    """One sentence, exit code 2, and nothing is computed."""
    code, said = command(*words)
    assert code == 2 and "Traceback" not in said, said
    last = said.strip().splitlines()[-1]
    assert last.startswith("Error: "), said
    return last


# --- Settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["nan", "-0.1", "1.01", "inf", "1e400", "0x1", "½", ""])
def test_precision_is_a_share(sides, tmp_path, value):
    refused("align", *sides, "--precision", value, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [float("nan"), -1, 2])
def test_precision_in_python(sides, value):
    with pytest.raises(errors.DataError, match="give 0 to 1"):
        own.align(*sides, precision=value, progress=False)


GOOD = {"format": 1, "precision": 0.9, "start": None, "many": False, "known": [["l0", "r0"]]}


@pytest.mark.parametrize(
    "change",
    [
        {"precision": float("nan")}, {"precision": 7}, {"precision": None}, {"precision": "x"}, {"start": "evil"}, {"start": ["names"]},
        {"start": {}}, {"many": "no"}, {"many": 1}, {"many": None}, {"known": 7}, {"known": [["l0"]]}, {"known": ["ab"]}, {"known": None},
        {"known": [["l0", ["r0"]]]}, {"known": [[None, "r0"]]}, {"precision": 10**400},
        {"rejected": 7}, {"rejected": [["l0"]]}, {"rejected": ["ab"]}, {"rejected": None}, {"rejected": [["l0", None]]},
    ],
)  # fmt: skip
def test_a_run_folder_that_was_changed(sides, tmp_path, change):
    folder = tmp_path / "run"
    folder.mkdir()
    from pmf_minimal.scale.settings import FORMAT

    (folder / "run.json").write_text(json.dumps(GOOD | {"format": FORMAT} | change))
    assert "run.json" in refused("predict", folder, *sides, "--out", tmp_path / "again")


@pytest.mark.parametrize(
    "name", ["names", "values", "digits", "images", "context", "structure", "kind", "numbers", "joint"]
)
def test_features_that_bear_the_name_of_a_comparison(sides, tmp_path, name):
    for side in "lr":
        ids = [f"{side}{k}" for k in range(len(NAMES))]
        np.savez(tmp_path / f"{side}.npz", ids=np.array(ids), features=np.eye(len(NAMES)))
    files = [tmp_path / f"{side}.npz" for side in "lr"]
    assert "reserved" in refused("align", *sides, "--features", name, *files, "--out", tmp_path / "run")


# --- Places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", "..", "/dev/null", "l.csv", "l.csv/run", "link", "loop", "x" * 300, ""])
def test_places_where_no_results_can_go(sides, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pmf_minimal.own.find", lambda *_, **__: pytest.fail("compared"))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = {path.name for path in tmp_path.iterdir()}
    refused("align", "l.csv", "r.csv", "--out", place)
    assert {path.name for path in tmp_path.iterdir()} - {"run.lock"} == before


def test_a_report_takes_no_file_of_others(sides, tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<html>my page</html>")
    (tmp_path / "link.html").symlink_to(page)
    os.mkfifo(tmp_path / "pipe.html")
    for name in ("index.html", "link.html", "pipe.html", "none.txt", "index.html/a.html"):
        refused("align", *sides, "--out", tmp_path / "run", "--report", tmp_path / name)
    assert page.read_text() == "<html>my page</html>" and not (tmp_path / "run").exists()
    for k in range(2):  # one's own may be written anew
        code, said = command("align", *sides, "--out", tmp_path / f"run{k}", "--report", tmp_path / "report.html")
        assert code == 0 and "Open" in said, said


@pytest.mark.parametrize("left_over", ["a pipe", "a link", "a page of somebody's"])
def test_a_report_in_the_making_takes_no_file_of_others(sides, tmp_path, left_over):
    part, own_file = tmp_path / "report.html.part", tmp_path / "own.txt"
    own_file.write_text("precious")
    if left_over == "a pipe":  # to write into one waits for somebody who reads
        os.mkfifo(part)
    elif left_over == "a link":
        part.symlink_to(own_file)
    else:
        own_file.rename(own_file := part)
    last = refused("align", *sides, "--out", tmp_path / "run", "--report", tmp_path / "report.html")
    assert "report.html.part: is there already" in last and own_file.read_text() == "precious"
    assert not (tmp_path / "run").exists()


def test_what_a_killed_process_left_of_a_report_is_written_over(tmp_path):
    page = tmp_path / "report.html"
    for start in (b"", f"<html>{report.MARK} and no end".encode()):
        page.with_name("report.html.part").write_bytes(start)
        report.check(page)


LONG = "x" * 300  # longer than a file system takes


@pytest.mark.parametrize(
    "words",
    [
        ["align", LONG, "r.csv"], ["align", f"{LONG}.csv", "r.csv"], ["align", "l.csv", f"{LONG}.nt"],
        ["align", "l.csv", "r.csv", "--report", f"{LONG}.html"],
        ["align", "l.csv", "r.csv", "--report", f"{LONG[:248]}.html"],  # with the name that it has while it is written
        ["align", "l.csv", "r.csv", "--seeds", f"{LONG}.csv"],
        ["align", "l.csv", "r.csv", "--features", "f", f"{LONG}.npz", f"{LONG}.npz"], ["predict", LONG, "l.csv", "r.csv"],
        ["data", "check", LONG], ["data", "make", LONG, "--entities", "20"], ["experiment", f"{LONG}.yaml"],
        ["data", "show", "dbp15k/zh_en", "--root", LONG], ["train", "dbp15k/zh_en", "--root", LONG, "--checkpoint", LONG],
        ["data", "unpack", f"{LONG}.zip", "new"], ["data", "unpack", "l.csv", LONG],
    ],
)  # fmt: skip
def test_names_that_no_file_can_have(sides, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    refused(*words)
    assert {path.name for path in tmp_path.iterdir()} - {"run.lock", "runs"} == {"l.csv", "r.csv"}


@pytest.mark.parametrize("place", ["l.csv", "pipe", "link", "full"])
def test_a_world_is_refused_before_it_is_made(sides, tmp_path, monkeypatch, place):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    monkeypatch.setattr(worlds, "_things", lambda *_: pytest.fail("made"))
    before = {*tmp_path.iterdir()}
    assert "is there already" in refused("data", "make", tmp_path / place, "--entities", 20)
    assert {*tmp_path.iterdir()} == before


def test_special_files_as_graphs_and_seeds(sides, tmp_path):
    os.mkfifo(tmp_path / "pipe.nt")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.nt").mkdir()
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for name in ("pipe.nt", "pipe.csv", "folder.nt", "loop.csv", "absent.csv", "\x1b[2J.csv", "\udcff.csv"):
        last = refused("align", tmp_path / name, sides[1], "--out", tmp_path / "run")
        assert "\x1b" not in last
        refused("align", *sides, "--seeds", tmp_path / name, "--out", tmp_path / "run")


# --- Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id,ID,name\n1,2,a\n", "two columns are called"),
        (b"id,name,name\n1,a,b\n", "two columns are called"),
        (b" ,name\n \t,a\n", "without an id"),
        (b"id,name\n\xe2\x80\x83,a\n", "without an id"),
        (b"id,name\n1,a\n1,b\n", "second time"),
        (b"id,name\n1,a\rb,c\n", ""),
        (b"id,name\n1,\"a\n", ""),
        (b"id,name\n1,a\0b\n", "zero byte"),
        ("id,name\n1,a\n".encode("utf-16"), ""),
        (b"id\n1\n2\n", "one column"),
        (b"id,name\n", "no row"),
        (b"\n\n\n", "empty"),
        (b"id,name\n" + b"1," + b"x" * 200_000 + b"\n", "field limit"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(sides, tmp_path, content, reason):
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    last = refused("align", path, sides[1], "--out", tmp_path / "run")
    assert "odd.csv" in last and reason in last and ";" in last, last


def test_tables_that_are_read(tmp_path):
    """A byte order mark, Windows line ends and quotes; columns that only look like those of triples."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,name\r\n1,"a, ""b"""\r\n2,c\r\n')
    found = own.read_graph(path).attributes.to_numpy().tolist()
    assert found == [["1", "name", 'a, "b"'], ["2", "name", "c"]]
    path.write_text("uri,from,to\nhttp://a,Rome,Oslo\nhttp://b,Oslo,Rome\n")
    tables = own.read_graph(path)
    assert not len(tables.triples) and list(tables.entities()) == ["http://a", "http://b"]


def test_many_columns(tmp_path):
    """Ten thousand properties, each of which one entity has alone as a name of its own."""
    n = 10_000
    for side in "lr":
        rows = [f"{side}{k}" + "," * (k + 1) + f"thing {k} of many" + "," * (n - k - 1) for k in range(0, n, 50)]
        (tmp_path / f"{side}.csv").write_text(
            "id," + ",".join(f"p{k}" for k in range(n)) + "\n" + "".join(row + "\n" for row in rows)
        )
    tables = own.read_graph(tmp_path / "l.csv")
    assert len(tables.attributes) == n / 50
    both = [clean(own.read_graph(tmp_path / f"{side}.csv"), side) for side in "lr"]
    graphs = graph.graphs_of(*both)
    assert len(graphs[0].name_properties) == graph.MAX_FOUND


def test_many_columns_of_numbers(monkeypatch):
    """Each property is compared with each of the other graph: of many, the commonest."""
    monkeypatch.setattr(learnt, "MAX_NUMERIC", 3)
    rng = np.random.default_rng(0)
    rows = [(f"e{k}", f"p{c}", str(rng.integers(1000))) for c in range(9) for k in range(10 + c)]
    tables = Tables(
        pd.DataFrame(columns=["head", "relation", "tail"]),
        pd.DataFrame(rows, columns=["entity", "attribute", "value"]),
    )
    found = learnt._numeric(graph.graphs_of(tables, tables)[0])
    assert [*found] == ["p8", "p7", "p6"]


def test_numbers_without_bounds_and_dates_before_christ():
    odd = ["1e999", "-1e999", "9" * 400, "nan", "0x10", "1_000", *map(str, range(20))]
    dates = ["-0044-03-15", "99999-01-01", "0000-00-00", *(f"19{k}-01-01" for k in range(10, 40))]
    rows = [(f"e{k}", "n", value) for k, value in enumerate(odd)] + [(f"e{k}", "d", v) for k, v in enumerate(dates)]
    tables = Tables(
        pd.DataFrame(columns=["head", "relation", "tail"]), pd.DataFrame(rows, columns=["entity", "attribute", "value"])
    )
    graphs = graph.graphs_of(clean(tables, "x"), clean(tables, "y"))
    ends = np.arange(len(graphs[0]))
    numbers = learnt.Numbers(graphs, ends, ends)
    assert all(np.isfinite(x[~np.isnan(x)]).all() for x in numbers.columns[0].values()) and {*numbers.columns[0]} == {
        "n",
        "d",
    }
    similarity = numbers.similarity(ends, ends)
    assert not np.isinf(similarity).any() and np.isfinite(similarity[10:20]).all()


# --- Ids and names ---------------------------------------------------------------------------------------------------


def triples(*rows):
    return pd.DataFrame(rows, columns=["head", "relation", "tail"])


def test_ids_have_a_bound_and_are_more_than_blanks():
    long = "x" * (MAX_ID + 1)
    for bad in (
        Tables(triples((long, "r", "b"))),
        Tables(triples(("a", long, "b"))),
        Tables(triples(("a", "r", "b")), names={long: "n"}),
        Tables(triples(("a", "r", "b")), images={long: "n.png"}),
        Tables(triples(("a", "r", "b")), labels={"en": {long: "n"}}),
        Tables(triples(("a", "r", "b")), pd.DataFrame({"entity": [long], "attribute": ["p"]})),
        Tables(triples(("a", "r", "b")), features={"f": pd.DataFrame([[1.0]], index=[long])}),
    ):
        with pytest.raises(errors.MalformedLine, match=f"characters; give an id of at most {MAX_ID:,}") as error:
            clean(bad, "x")
        assert len(str(error.value)) < 200
    clean(Tables(triples(("x" * MAX_ID, "r", "b"))), "x")
    for blank in (" ", "\t", "\u3000", "\u2028"):
        with pytest.raises(errors.MalformedLine, match="empty cell"):
            clean(Tables(triples(("a", "r", blank))), "x")


def test_labels_that_turn_the_text_around(sides, tmp_path):
    evil = "\u202egnp.exe\x1b[2J\x07 \u2066x"
    table(tmp_path / "l.csv", names=[evil, *NAMES[1:]], start="l")
    table(tmp_path / "r.csv", names=[evil, *NAMES[1:]], start="r")
    code, said = command("align", *sides, "--precision", 0, "--out", tmp_path / "run")
    assert code == 0
    said = said.replace("\x1b[A", "")  # by which a progress bar goes up a line
    for text in (said, (tmp_path / "run" / "matches.csv").read_text("utf-8")):
        assert not any(c in text for c in "\u202e\u2066\x1b\x07")


def test_a_name_of_a_megabyte(sides, tmp_path):
    table(tmp_path / "l.csv", names=["x" * 100_000, *NAMES[1:]], start="l")
    table(tmp_path / "r.csv", names=["x" * 100_000, *NAMES[1:]], start="r")
    code, said = command("align", *sides, "--precision", 0, "--out", tmp_path / "run")
    assert code == 0 and len(said) < 20_000


def test_accents_without_end_are_folded_at_once():
    text = "e" + "\u0301\u0316" * 500_000  # to be put in order, in time that grows with its square
    assert len(fold(text)) <= MAX_TEXT


# --- What it asks for ------------------------------------------------------------------------------------------------


def test_a_packed_file_grows_no_more_than_text_does(tmp_path):
    bomb = tmp_path / "bomb.nt.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range(200):
            file.write(b"#" * 2**20)
    assert bomb.stat().st_size < 2**18
    with pytest.raises(errors.DamagedFile, match="unpacks to more than 2[0-9],"):
        rdf.read(bomb)


def test_features_of_any_size_have_a_direction():
    """Squares of large float32 numbers are infinite, those of small ones zero."""
    x = np.array([[3e30, 4e30], [3e-30, 4e-30], [3, 4]], np.float32)
    rows = [np.arange(3)] * 2
    found = Dense(rows, [x, x[::-1].copy()], (3, 3)).similarity(np.arange(3), np.arange(3))
    assert np.allclose(found, 1) and x[0, 0] == np.float32(3e30)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_features_in_memory_are_finite(bad):
    features = {"f": pd.DataFrame([[1.0, 2.0], [bad, 1.0]], index=["a", "b"])}
    with pytest.raises(errors.BadFeatures, match="row 1 holds NaN or infinity"):
        clean(Tables(triples(("a", "r", "b")), features=features), "x")


@pytest.mark.parametrize("opening", ["[", '{"@graph":[', '{"http://p":'])
def test_nesting_without_end_jsonld(tmp_path, opening):
    (tmp_path / "deep.jsonld").write_text(opening * 100_000)
    with pytest.raises(errors.DataError, match="deep.jsonld"):
        rdf.read(tmp_path / "deep.jsonld")


@pytest.mark.parametrize("ending", ["ttl", "owl"])
def test_nesting_without_end(tmp_path, ending):
    path = tmp_path / f"deep.{ending}"
    path.write_text({"ttl": "<a:s> <a:p> " + "[<a:p> " * 100_000, "owl": "<a>" * 100_000}[ending])
    with pytest.raises(errors.DataError, match=f"deep.{ending}"):
        rdf.read(path)


def test_seeds_the_other_way_round(sides, tmp_path):
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("left,right\n" + "".join(f"r{k},l{k}\n" for k in range(6)))
    assert "swap the two columns" in refused("align", *sides, "--seeds", seeds, "--out", tmp_path / "run")
    seeds.write_text("right,left\n" + "".join(f"r{k},l{k}\n" for k in range(6)))
    code, said = command("align", *sides, "--seeds", seeds, "--out", tmp_path / "run")
    assert code == 0 and "6 known pairs" in said, said


@pytest.mark.parametrize("ending", ["csv", "tsv", "nt", "xml"])
def test_a_byte_order_mark_and_nothing_else_is_an_empty_file(sides, tmp_path, ending):
    (tmp_path / f"seeds.{ending}").write_bytes(b"\xef\xbb\xbf")
    last = refused("align", *sides, "--seeds", tmp_path / f"seeds.{ending}", "--out", tmp_path / "run")
    assert "empty" in last
