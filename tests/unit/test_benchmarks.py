"""The reader of the field's file layout."""

import numpy as np
import pytest
from toys import FILES, same, write

from pmf_minimal.datasets import DATASETS, benchmarks, load
from pmf_minimal.errors import DataError


def read(folder, **more):
    return benchmarks.read_folder(folder, "toy/a_b", 0.3, **more)


def test_happy_path(tmp_path):
    graphs = read(write(tmp_path / "toy"))
    assert graphs.source_ids.tolist() == [0, 2, 4, 7, 105, 1, 3, 9] and graphs.n_left == 4
    assert graphs.entity_names[:4] == ["Paris", "Tour Eiffel", "Lyon", "Café"]
    assert graphs.uris[3] == "http://fr.example/resource/Caf%C3%A9"
    assert graphs.pairs.tolist() == [[0, 5], [1, 6], [2, 4], [3, 7]]
    assert graphs.edge_index.T.tolist() == [[1, 0], [2, 0], [1, 2], [6, 5], [4, 5], [7, 4], [7, 7]]
    names = [graphs.relation_names[i].rsplit("/", 1)[1] for i in graphs.edge_type]
    assert names == ["location", "country", "location", "near", "country", "near", "near"]
    assert graphs.modalities == ("structure", "relation", "attribute")
    # Relations 5, 0 and 1, ordered by how often they occur at heads and tails: 6, 4 and 4 times.
    same(graphs.features["relation"][:, 0], [0, 0, 0, 0, 1, 1, 1, 3])
    same(graphs.features["relation"][:4, 1:], [[1, 1], [2, 0], [1, 1], [0, 0]])
    # population and mayor at Paris, a line that repeats itself counts once; population at Lyon; mayor abroad.
    assert sorted(map(tuple, graphs.features["attribute"].T.tolist())) == [
        (1, 0, 0, 0, 0, 1, 0, 1),
        (1, 0, 1, 0, 0, 0, 0, 0),
    ]
    assert graphs.masks["relation"].tolist() == [True] * 3 + [False] + [True] * 4


def test_most_frequent_words_only(tmp_path):
    graphs = read(write(tmp_path / "toy"), words=1)
    assert graphs.features["relation"].shape == (8, 1) and graphs.features["relation"].sum() == 6
    assert graphs.features["attribute"].sum() == 3


def test_images(tmp_path):
    np.savez(tmp_path / "images.npz", ids=np.array([9, 0]), features=np.array([[3.0, 4], [0, 2]]))
    graphs = read(write(tmp_path / "toy"), images=tmp_path / "images.npz")
    same(graphs.features["image"][7], [0.6, 0.8], 1e-6)  # of unit length
    assert graphs.masks["image"].nonzero().ravel().tolist() == [0, 7]


def test_ref_ent_ids_and_windows_lines(tmp_path):
    files = {name.replace("ill", "ref"): text.replace("\n", "\r\n") for name, text in FILES.items()}
    files = {
        name: text for name, text in files.items() if name not in ("rel_ids", "training_attrs_1", "training_attrs_2")
    }
    graphs = read(write(tmp_path / "toy", files))
    assert graphs.pairs.tolist() == [[0, 5], [1, 6], [2, 4], [3, 7]] and graphs.entity_names[0] == "Paris"
    assert graphs.relation_names == ["0", "1", "5"] and graphs.modalities == ("structure", "relation")


@pytest.mark.parametrize(
    ("file", "line", "text", "says"),
    [
        ("ent_ids_1", 2, "2", "expected a number, a tab and a name; mend"),
        ("ent_ids_1", 4, "x\tname", "expected a number, a tab and a name; mend"),
        ("ent_ids_1", 3, "0\tname", "id 0 for the second time; drop"),
        ("triples_1", 2, "2\t0", "expected 3 numbers with tabs between them; mend"),
        ("triples_2", 3, "3\t5\t1\t9", "expected 3 numbers with tabs between them; mend"),
        ("triples_2", 1, "3\t5\tone", "expected 3 numbers with tabs between them; mend"),
        ("triples_1", 3, "2\t0\t105", "id 105 is no entity of this graph; mend"),  # an id of the other graph
        ("triples_2", 2, "77\t5\t1", "id 77 is no entity of this graph; mend"),
        ("ill_ent_ids", 2, "2\t99999999999999999999", "expected 2 numbers with tabs between them; mend"),
        ("ill_ent_ids", 3, "105\t4", "id 105 is no entity of this graph; mend"),
        ("rel_ids", 1, "nameless", "expected a number, a tab and a name; mend"),
        ("rel_ids", 2, "", "expected a number, a tab and a name; mend"),
    ],
)
def test_a_bad_line_is_named(tmp_path, file, line, text, says):
    lines = FILES[file].splitlines()
    lines[line - 1] = text
    with pytest.raises(DataError) as error:
        read(write(tmp_path / "toy", FILES | {file: "\n".join(lines) + "\n"}))
    assert str(error.value).startswith(f"{tmp_path / 'toy' / file}:{line}: ") and says in str(error.value)


@pytest.mark.parametrize("file", ["ent_ids_1", "ent_ids_2", "triples_1", "triples_2", "ref_ent_ids"])
def test_a_missing_file_is_named(tmp_path, file):
    files = {name: text for name, text in FILES.items() if name not in (file, "ill_ent_ids" if "ref" in file else "")}
    with pytest.raises(DataError, match=f"{file}.*this file is missing|this file is missing, and so is {file}"):
        read(write(tmp_path / "toy", files))


@pytest.mark.parametrize("file", FILES)
def test_an_empty_file_is_named(tmp_path, file):
    with pytest.raises(DataError, match=f"{file}: the file is empty; get it again"):
        read(write(tmp_path / "toy", FILES | {file: ""}))


def test_no_attributes_at_all(tmp_path):
    bare = {f"training_attrs_{side}": FILES[f"ent_ids_{side}"].split("\t")[1].split("\n")[0] + "\n" for side in (1, 2)}
    assert read(write(tmp_path / "toy", FILES | bare)).modalities == ("structure", "relation")


def test_not_utf8(tmp_path):
    folder = write(tmp_path / "toy")
    (folder / "ent_ids_2").write_bytes(b"1\tParis\n2\tCaf\xe9\n")
    with pytest.raises(DataError, match="ent_ids_2:2: not UTF-8 text; convert the file"):
        read(folder)


def test_shared_ids(tmp_path):
    with pytest.raises(DataError, match="ent_ids_2: id 4 is also in ent_ids_1; the two graphs must not share ids"):
        read(write(tmp_path / "toy", FILES | {"ent_ids_2": FILES["ent_ids_2"] + "4\tLyon\n"}))


def test_images_of_another_data_set(tmp_path):
    np.save(tmp_path / "images.npy", np.ones((3, 2)))  # ids 0, 1, 2: all known
    assert read(write(tmp_path / "toy"), images=tmp_path / "images.npy").masks["image"].sum() == 3
    np.save(tmp_path / "images.npy", np.ones((7, 2)))  # 5 is not
    with pytest.raises(
        DataError, match=r"images.npy: id 5 belongs to no entity; is this the file of another data set\?"
    ):
        read(tmp_path / "toy", images=tmp_path / "images.npy")


def test_load_errors(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="unknown data set 'emoji/xx'; known are emoji/fr_en, .*mmkg/fb_yg"):
        load("emoji/xx")
    monkeypatch.delenv("PMF_DATA", raising=False)
    with pytest.raises(DataError, match="dbp15k/zh_en: say where the benchmark folders lie, with --root FOLDER or"):
        load("dbp15k/zh_en")
    with pytest.raises(DataError, match="zh_en: no such folder; dbp15k/zh_en is expected there"):
        load("dbp15k/zh_en", root=tmp_path)
    monkeypatch.setenv("PMF_DATA", str(tmp_path))
    write(tmp_path / "DBP15K" / "ja_en")
    assert load("dbp15k/ja_en").seed_share == 0.3


def test_nine_benchmarks():
    assert sum(not name.startswith("emoji/") for name in DATASETS) == 9
