"""What an input may ask for: files without end, claims without bound, lines that a pattern would never finish with."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner
from toys import FILES, random_pair, tiny, write

from pmf_minimal import errors, own
from pmf_minimal.cli.main import main
from pmf_minimal.cli.say import say
from pmf_minimal.datasets import archives, catalogue, escape, files, images, lines, text
from pmf_minimal.datasets.assemble import unit
from pmf_minimal.datasets.benchmarks import read_folder
from pmf_minimal.experiments import cache, cards, splits
from pmf_minimal.own.names import choose_names
from pmf_minimal.runs.files import write_json
from pmf_minimal.runs.run import fit, load_run
from pmf_minimal.scale import memory as memory_
from pmf_minimal.scale.neighbours import Neighbours
from pmf_minimal.scale.sampling import sample_neighbourhood


@pytest.fixture
def pipe(tmp_path):
    """A pipe to which nobody writes; whoever opens it waits, so after a while this test does."""
    os.mkfifo(tmp_path / "x.npy")
    done = threading.Event()

    def release():
        if not done.wait(20):
            os.close(os.open(tmp_path / "x.npy", os.O_WRONLY))

    thread = threading.Thread(target=release)
    thread.start()
    yield tmp_path / "x.npy"
    done.set()
    thread.join()


READERS = {
    "text": lines.content,
    "images": images.read_features,
    "names": text.read_names,
    "vectors": lambda path: text.read_vectors(path, {"a"}),
    "features": own.read_features,
    "archive": lambda path: archives.unpack(path, path.parent / "new"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_or_a_folder_is_refused_before_it_is_read(pipe, reader):
    with pytest.raises(errors.DamagedFile, match=r"x\.npy: a folder, a pipe or a device, and not a file"):
        READERS[reader](pipe)
    folder = pipe.with_name("y.npy")
    folder.mkdir()
    with pytest.raises(errors.DamagedFile, match=r"y\.npy: a folder"):
        READERS[reader](folder)


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_file_is_named_by_every_reader(tmp_path, reader):
    with pytest.raises(errors.MissingFile, match=r"z\.npy: .*check the path|z\.npy: .*get it again"):
        READERS[reader](tmp_path / "z.npy")


def test_a_file_larger_than_any_text_is_not_read(tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(files.MAX_TEXT + 1)  # a hole: it takes no room
    with pytest.raises(errors.DamagedFile, match="big: 4,294,967,297 bytes, and at most 4,294,967,296 are read"):
        lines.content(tmp_path / "big")
    with pytest.raises(errors.MissingFile, match="null byte"):
        lines.content(tmp_path / "a\0b")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("read", [lines.named_ids, lines.name_lists])
def test_a_long_line_that_does_not_fit(tmp_path, read):
    """A pattern took a time that grew with the square of the line: minutes for 100 kB."""
    for line in (b"0\t" + b"a" * 10**6 + b"\t\0", b"a" * 10**6 + b"\0", b" " * 10**6, b"\t" * 10**6):
        with pytest.raises(errors.MalformedLine, match="f:1: expected"):
            read(line + b"\n", tmp_path / "f")


def test_a_line_of_word_vectors_without_end(tmp_path, memory):
    path = tmp_path / "vectors.txt"
    with path.open("wb") as file:
        file.truncate(2**30)
    with memory(300 * 2**20), pytest.raises(errors.MalformedLine, match=r"vectors.txt:1: a line of 16,777,216 bytes"):
        text.read_vectors(path, {"a"})


def bomb(method):
    """A zip of one member that unpacks to far more than it says; made by correcting the sizes of a good one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a", bytes(2**26))
    data = file.getvalue()
    return data.replace(struct.pack("<I", 2**26), struct.pack("<I", 1000))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_a_zip_that_holds_more_than_it_says(tmp_path, memory, method):
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(method))
    with memory(40 * 2**20), pytest.raises((errors.UnsafeArchive, errors.DamagedFile), match=r"bomb\.zip: ") as error:
        archives.unpack(path, tmp_path / "new")
    assert (type(error.value) is errors.UnsafeArchive) == (method != zipfile.ZIP_DEFLATED)
    assert not (tmp_path / "new").exists()
    path = path.rename(tmp_path / "bomb.npz")
    for read in (images.read_features, own.read_features):
        with memory(40 * 2**20), pytest.raises(errors.DataError, match=r"bomb\.npz: .*; "):
            read(path)


@pytest.mark.parametrize("read", [images.read_features, own.read_features])
def test_an_archive_with_a_name_twice_is_named(tmp_path, read):
    path = tmp_path / "x.npz"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("ids.npy", b"")
        archive.writestr("ids.npy", b"")
    with pytest.raises(errors.DuplicateId, match=r"x\.npz: two of its members are called 'ids.npy'; .+"):
        read(path)


def pickled(table, protocol=4):
    return pickle.dumps(table, protocol)


def test_one_array_under_many_ids(tmp_path, memory):
    """Converted once, and only as far as the file could have held them."""
    path, row = tmp_path / "x.pkl", np.ones(1000, np.float16)
    path.write_bytes(pickled({i: row for i in range(12)}))
    vectors = images.read_features(path)
    assert len(vectors) == 12 and len({id(v) for v in vectors.values()}) == 1
    path.write_bytes(pickled({i: np.ones(10**5, np.float16) if i < 0 else row for i in range(2000)}))
    with pytest.raises(errors.DamagedFile, match="far more numbers than it has bytes"):
        images.read_features(path)
    wide = np.ones(10**5, np.float16)
    path.write_bytes(pickled({i: wide for i in range(20_000)}))
    with memory(200 * 2**20), pytest.raises(errors.DamagedFile, match="far more numbers than it has bytes"):
        images.read_features(path)


@pytest.mark.timeout(60)
def test_a_shape_whose_product_never_ends(tmp_path):
    number = b"\x8a\xff" + b"\x7f" * 255  # a whole number of 255 bytes
    call = b"}K\x01cnumpy._core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\n(X\x02\x00\x00\x00f4tR"
    shape = b"(" + b"h\x00" * 100_000 + b"t"
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04" + number + b"\x940" + call + shape + b"X\x01\x00\x00\x00CtRs.")
    with pytest.raises(errors.DamagedFile, match="an array of another shape than its 0 bytes"):
        images.read_features(tmp_path / "x.pkl")
    assert files.product([2**2000] * 10**5, 10) is None and files.product([0, 2**2000] * 10, 10) == 0
    assert files.product([], 10) == 1 and files.product([2, 5], 10) == 10 and files.product([-1, -1], 10) is None


def test_text_that_is_made_into_bytes_again_and_again(tmp_path, memory):
    text = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"\x94"
    again = b"c_codecs\nencode\n" + b"h\x00" + b"X\x06\x00\x00\x00latin1\x86R"
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04(" + text + again * 1000 + b"l.")
    with memory(200 * 2**20), pytest.raises(errors.DamagedFile, match="it makes more bytes than it has"):
        images.read_features(tmp_path / "x.pkl")


def test_a_pickle_of_very_many_small_objects(tmp_path, monkeypatch):
    monkeypatch.setattr("pmf_minimal.datasets.pickles._Counted.left", 1000)
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04(" + b"}" * 2000 + b"l.")
    with pytest.raises(errors.DamagedFile, match="instructions"):
        images.read_features(tmp_path / "x.pkl")


def test_one_wide_vector_for_many_entities(tmp_path):
    folder = write(tmp_path / "toy")
    path = tmp_path / "x.npz"
    np.savez(path, ids=np.array([0]), features=np.ones((1, files.MAX_WIDTH + 1), np.float32))
    with pytest.raises(errors.BadFeatures, match=r"x\.npz: 65,537 numbers for each of 8 entities; give at most 65,536"):
        read_folder(folder, "toy/a_b", 0.3, path)


@pytest.mark.parametrize("scale", [1e20, 3e38, 1e-30, 1e-44])
def test_rows_of_very_large_and_very_small_numbers_are_no_missing_features(scale):
    x = np.ones((3, 4), np.float32)
    x[1] *= np.float32(scale)
    x[2] = 0
    assert np.allclose(unit(x), [[0.5] * 4, [0.5] * 4, [0] * 4])


@pytest.mark.parametrize("missing", ["training_attrs_1", "training_attrs_2"])
def test_attributes_of_one_graph_alone(tmp_path, missing):
    """They are left out, with a note; the rest is read and counted."""
    folder = write(tmp_path / "DBP15K" / "zh_en")
    (folder / missing).unlink()
    graphs = read_folder(folder, "toy/a_b", 0.3)
    assert "attribute" not in graphs.modalities
    assert graphs.notes == [f"no attributes: there is no file {folder / missing}, and both graphs need theirs"]
    said, _ = catalogue.report("dbp15k/zh_en", tmp_path)
    assert not any("unreadable" in line for line in said)
    assert any(line.split()[:3] == ["entities", "4", "19,388"] for line in said)


def test_names_are_printable(tmp_path):
    changed = FILES["ent_ids_1"].replace("Lyon", "Ly\x1b[31mon\u202e")
    graphs = read_folder(write(tmp_path / "toy", FILES | {"ent_ids_1": changed}), "toy/a_b", 0.3)
    assert graphs.entity_names[2] == r"Ly\x1b[31mon\u202e"


@pytest.mark.parametrize(
    "text, cell",
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1 °C", "'-1 °C"),
        ("@x", "'@x"),
        (" =1", "' =1"),
        ("\t=1", r"\x09=1"),
        ("\ud800", r"\ud800"),
        ("plain, text", "plain, text"),
        ("a;=1+1", "a;'=1+1"),
        ("a; @x;;-y", "a;' @x;;'-y"),
        ("a; b-c", "a; b-c"),
        ("Île 👩‍🚀", "Île 👩‍🚀"),
        ("", ""),
    ],
)
def test_cells(text, cell):
    assert escape.spreadsheet(text) == cell
    cell.encode()


def test_messages_are_one_line():
    assert escape.one_line("a\n  b\u2028c\x07") == r"a b c\x07"
    assert escape.one_line("x" * 50, 10) == "x" * 9 + "…"
    assert len(escape.one_line(" x" * 10**6, 100)) <= 100


def test_limits_of_containers_are_seen(tmp_path):
    """Of the group itself and of all above it; what is kept of files that were read can be had."""
    own_group, root = tmp_path / "cgroup", tmp_path / "fs"
    left = lambda: memory_._free_of_container(root, own_group)  # noqa: E731
    assert left() == float("inf")
    own_group.write_text("0::/user.slice/job\n")
    (root / "user.slice" / "job").mkdir(parents=True)
    for folder, most, taken in (("user.slice", "max", 10), ("user.slice/job", "1000", 600)):
        (root / folder / "memory.max").write_text(f"{most}\n")
        (root / folder / "memory.current").write_text(f"{taken}\n")
    assert left() == 400
    (root / "user.slice" / "job" / "memory.stat").write_text("anon 100\ninactive_file 500\n")
    assert left() == 900
    (root / "user.slice" / "memory.max").write_text("50")
    assert left() == 40
    own_group.write_text("7:cpu,memory:/docker/x\n1:name=systemd:/\n")
    group = root / "memory" / "docker" / "x"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("300")
    (group / "memory.usage_in_bytes").write_text("280")
    assert left() == 20
    own_group.write_bytes(b"\xff nonsense")
    assert left() == float("inf")


def test_limits_of_the_process_are_seen(memory):
    with memory(2**30):
        assert 0 < memory_.free_bytes() <= 2**30


def test_the_output_has_no_room(tmp_path):
    """One sentence; nothing is trained, and Python does not try again at its end."""
    if not Path("/dev/full").exists():
        pytest.skip("no such device")
    words = [sys.executable, "-m", "pmf_minimal", "train", "emoji/fr_en", "--out", str(tmp_path / "a")]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == "Error: the output cannot be written (No space left on device); make room"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_output_in_any_encoding_and_harmless(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    say("日本 é \x1b[2J\ud800\nnext")
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding)
    assert r"\x1b[2J\ud800" in said and said.endswith("\nnext\n".replace("\n", os.linesep))
    assert said.startswith("日本 é" if encoding == "utf-8" else r"\u65e5\u672c")


def test_a_card_of_more_runs_than_could_ever_be_made(tmp_path):
    """A few bytes ask for any number; none of them is made."""
    card = {
        "title": "t", "question": "q", "chapter": "c", "preset": "quick", "settings": {}, "datasets": ["synthetic/clean"],
        "seeds": 1000, "variants": {f"v{i}": {} for i in range(101)}, "claims": [],
    }  # fmt: skip
    path = tmp_path / "k.yaml"
    path.write_text(yaml.safe_dump(card))
    with pytest.raises(errors.DataError, match=r"the card: 1 x 101 x 1,000 runs, and at most 100,000 are made"):
        cards.read(path)
    tuning = {"lr": [n / 1000 for n in range(1, 1001)], "datasets": ["synthetic/clean"], "seeds": 1}
    path.write_text(yaml.safe_dump(card | {"seeds": 1, "tuning": tuning}))
    with pytest.raises(errors.DataError, match=r"tuning: 101,000 runs, and at most 100,000 are made"):
        cards.read(path)


def test_a_place_where_nothing_can_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "x")
    (tmp_path / "file").touch()
    with pytest.raises(errors.NotWritable, match=r"file/new: no folder can be made there \(Not a directory\)"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "file" / "new")


def test_files_of_a_run_that_are_none(tmp_path):
    """A pipe in the place of each file of a folder: nobody waits for its other end."""
    graphs = random_pair(12)
    fit(graphs, tiny(epochs=1, scoring="off", freezing="off", fusion="evidence"), "cpu", progress=False).save(
        tmp_path / "r"
    )
    for name in ("run.json", "config.json", "history.csv", "model.safetensors"):
        path = tmp_path / "r" / name
        data = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(errors.DamagedFile, match=rf"{name}: a folder, a pipe or a device"):
            load_run(tmp_path / "r", graphs)
        path.unlink()
        path.write_bytes(data)
    os.mkfifo(tmp_path / "state.json")
    with pytest.raises(errors.DamagedFile, match=r"state\.json: a folder, a pipe"):
        fit(graphs, tiny(), "cpu", progress=False, checkpoint=tmp_path)
    os.mkfifo(tmp_path / "split.csv")
    with pytest.raises(errors.DamagedFile, match=r"split\.csv: a folder, a pipe"):
        splits.shipped_split(graphs, tmp_path / "split.csv", 0, 0.2)
    os.mkfifo(tmp_path / "x.json")
    with pytest.warns(errors.DataWarning, match=r"x\.json: damaged"):
        assert cache.read(tmp_path / "x.json") is None


def test_settings_of_a_far_larger_model_than_the_weights(tmp_path, memory):
    """They would ask for memory before anybody saw that they do not fit."""
    graphs = random_pair(300)
    fit(graphs, tiny(epochs=1, scoring="off", freezing="off"), "cpu", progress=False).save(tmp_path / "r")
    path = tmp_path / "r" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dim": 2**16}))
    with (
        memory(100 * 2**20),
        pytest.raises(errors.DamagedFile, match="not the weights of this model, whose dim is 65536"),
    ):
        load_run(tmp_path / "r", graphs)


@pytest.mark.timeout(60)
def test_a_name_of_very_many_accents(tmp_path):
    """Unicode asks for them to be sorted, which takes a time that grows with the square of their number."""
    name = "a" + "\u0315\u0300" * 500_000
    assert choose_names(own.Tables(pd.DataFrame([("a", "r", "b")]), names={"a": name}), GRAPH)[0]["a"] == name


GRAPH = own.Tables(pd.DataFrame([("x", "r", "y")], columns=["head", "relation", "tail"]))


def test_prefixes_that_stand_for_very_much(tmp_path, memory):
    """A megabyte that is written once and used a hundred thousand times."""
    long = "http://x/" + "a" * 10**6
    turtle = tmp_path / "g.ttl"
    turtle.write_text(f"@prefix a: <{long}> .\n" + "".join(f"a:{i} a:p a:{i + 1} .\n" for i in range(20_000)))
    sssom = tmp_path / "s.tsv"
    rows = "".join(f"a:{i}\ta:{i}\n" for i in range(20_000))
    sssom.write_text(f"# curie_map:\n#   a: {long}\nsubject_id\tobject_id\n{rows}")
    xml = tmp_path / "a.rdf"
    xml.write_text(f'<a:Alignment xmlns:a="{long}">' + "<a:Cell/>" * 100_000 + "</a:Alignment>")
    with memory(600 * 2**20):
        with pytest.raises(
            errors.DamagedFile, match=r"g\.ttl: what its prefixes stand for is more than 100 times as long"
        ):
            own.read_graph(turtle)
        with pytest.raises(
            errors.MalformedLine, match=r"s\.tsv: the prefix a stands for 1,000,009 characters; shorten it"
        ):
            own.read_pairs(sssom, GRAPH, GRAPH)
        with pytest.raises(errors.DamagedFile, match=r"a\.rdf:1: a namespace of 1,000,009 characters; shorten it"):
            own.read_pairs(xml, GRAPH, GRAPH)


def test_a_pipe_or_a_link_in_the_place_of_a_part(tmp_path):
    """Neither waited for nor written through."""
    (tmp_path / "mine").write_text("precious")
    os.mkfifo(tmp_path / "a.json.part")
    (tmp_path / "b.json.part").symlink_to(tmp_path / "mine")
    for name in "ab":
        write_json(tmp_path / f"{name}.json", {"x": 1})
        assert json.loads((tmp_path / f"{name}.json").read_text()) == {"x": 1}
    assert (tmp_path / "mine").read_text() == "precious" and not (tmp_path / "b.json").is_symlink()


def test_errors_of_the_command_line_are_harmless():
    for words in (["train", "a", "\x1b[2J"], ["\x1b[2J"], ["train", "--\x1b[2J"], ["data", "unpack", "a", "b", "\x1b"]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2 and "\x1b" not in done.output, done.output


def test_more_neighbours_are_asked_for_than_there_are(memory):
    graphs = random_pair(300)
    neighbours = Neighbours(graphs.edge_index, graphs.num_nodes)
    rows = torch.arange(graphs.num_nodes)
    with memory(50 * 2**20):
        nodes, _ = sample_neighbourhood(
            neighbours.rowptr, neighbours.edge_index[1], rows, fanout=2**16, hops=2, generator=torch.Generator()
        )
    assert len(nodes) == graphs.num_nodes


def test_features_that_are_given_twice(tmp_path):
    """The last one would be taken without a word."""
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "triples.csv").write_text("head,relation,tail\na,r,b\n")
    np.savez(tmp_path / "x.npz", ids=np.array(["a", "b"]), features=np.ones((2, 2)))
    twice = ["--features", "text", str(tmp_path / "x.npz"), str(tmp_path / "x.npz")] * 2
    done = CliRunner().invoke(main, ["align", *[str(tmp_path / "g")] * 2, *twice, "--out", str(tmp_path / "o")])
    assert done.exit_code == 2 and "--features text: there are two of that name" in done.output, done.output
