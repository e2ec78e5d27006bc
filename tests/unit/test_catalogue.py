"""The nine benchmarks: their layouts, Table 4, and the commands that look at them."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toys import FILES, write

from pmf_minimal.cli.main import main
from pmf_minimal.datasets import DATASETS, catalogue, load

NINE = list(catalogue.benchmarks())
FOLDERS = {
    "dbp15k/zh_en": ("DBP15K/zh_en", "pkls/zh_en_GA_id_img_feature_dict.pkl"),
    "dbp15k/ja_en": ("DBP15K/ja_en", "pkls/ja_en_GA_id_img_feature_dict.pkl"),
    "dbp15k/fr_en": ("DBP15K/fr_en", "pkls/fr_en_GA_id_img_feature_dict.pkl"),
    "openea/en_fr_v1": ("OpenEA/OEA_EN_FR_15K_V1", "OpenEA/pkl/OEA_EN_FR_15K_V1_id_img_feature_dict.pkl"),
    "openea/en_de_v1": ("OpenEA/OEA_EN_DE_15K_V1", "OpenEA/pkl/OEA_EN_DE_15K_V1_id_img_feature_dict.pkl"),
    "openea/d_w_v1": ("OpenEA/OEA_D_W_15K_V1", "OpenEA/pkl/OEA_D_W_15K_V1_id_img_feature_dict.pkl"),
    "openea/d_w_v2": ("OpenEA/OEA_D_W_15K_V2", "OpenEA/pkl/OEA_D_W_15K_V2_id_img_feature_dict.pkl"),
    "mmkg/fb_db": ("FBDB15K/norm", "pkls/FBDB15K_id_img_feature_dict.pkl"),
    "mmkg/fb_yg": ("FBYG15K/norm", "pkls/FBYG15K_id_img_feature_dict.pkl"),
}
IMAGES = {0: np.array([3.0, 4.0], "f4"), 4: np.array([[0.0, 2.0]], "f4"), 9: np.array([1.0, 0.0], "f4")}


@pytest.fixture
def root(tmp_path):
    """A folder of all nine, each with four entities a side and every part."""
    for name, (folder, images) in FOLDERS.items():
        optional = {} if name.startswith("openea") else {"rel_ids"}
        write(tmp_path / folder, {k: v for k, v in FILES.items() if k not in optional})
        (tmp_path / images).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / images).write_bytes(pickle.dumps(IMAGES))
        (tmp_path / images.replace(".pkl", "_0.05.pkl")).write_bytes(b"other shares of missing pictures lie beside it")
        if name.startswith("dbp15k"):
            path = tmp_path / f"DBP15K/translated_ent_name/dbp_{name[7:]}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps([[0, ["paris"]]]))
    return tmp_path


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("PMF_DATA", raising=False)
    return lambda *arguments: CliRunner().invoke(main, ["data", *map(str, arguments)])


def test_all_nine():
    assert set(FOLDERS) == set(NINE) and len(NINE) == 9
    assert {source.table for source in catalogue.benchmarks().values()} == set(catalogue.table_4())
    assert all(len(rows) == 2 for rows in catalogue.table_4().values())


@pytest.mark.parametrize("name", FOLDERS)
def test_layout(root, name):
    graphs = load(name, root)
    char = ("char",) if name.startswith("dbp15k") else ()
    assert graphs.modalities == ("structure", "relation", "attribute", "image", *char) and graphs.notes == []
    assert graphs.seed_share == (0.3 if name.startswith("dbp15k") else 0.2)
    assert graphs.features["image"][graphs.masks["image"]].tolist() == [
        pytest.approx([0.6, 0.8]), [0, 1], [1, 0]
    ]  # fmt: skip
    assert all(not part.missing or part.what == "word vectors" for part in catalogue.parts(name, root))
    number = {(c.graph, c.what): c for c in catalogue.compare(name, root)}
    left, right = dict.fromkeys(graph for graph, _ in number)
    counts = ("entities", "relations", "attributes", "relation_triples", "attribute_triples", "images", "ea_pairs")
    assert [number[left, what].found for what in counts] == [4, 2, 2, 3, 4, 2, 4]
    # No entity of the right graph mentions an attribute twice: how many triples there were cannot be told.
    assert [number[right, what].found for what in counts] == [4, 2, 1, 4, None, 1, 4]
    assert (
        number[right, "attribute_triples"].verdict == "not countable" and number[left, "entities"].verdict == "differs"
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_absent_parts_are_said(root, name):
    folder, images = FOLDERS[name]
    (root / images).unlink()
    for file in ("training_attrs_1", "training_attrs_2"):
        (root / folder / file).unlink()
    graphs = load(name, root)
    assert not {"image", "attribute"} & set(graphs.modalities)
    assert any(n.startswith("no images: there is no file") for n in graphs.notes)
    assert any(n.startswith("no attributes: there is no file") for n in graphs.notes)
    lines, good = catalogue.report(name, root)
    missing = " ".join(line for line in lines if line.startswith("  missing"))
    assert f"{folder}/training_attrs_1, {folder}/training_attrs_2" in missing and "_id_img_feature_dict.pkl" in missing
    assert any("published at https://github.com/" in line for line in lines)
    assert not good and any("absent" in line for line in lines)


def test_two_files_of_images(root):
    (root / "pkls/zh_en_other_id_img_feature_dict.pkl").write_bytes(pickle.dumps(IMAGES))
    with pytest.raises(
        ValueError, match="zh_en_other_id_img_feature_dict.pkl beside it might be meant .* choose one with --images"
    ):
        load("dbp15k/zh_en", root)
    chosen = root / "pkls/zh_en_other_id_img_feature_dict.pkl"
    assert load("dbp15k/zh_en", root, chosen).masks["image"].sum() == 3


def test_list(run, root):
    result = run("list", "--root", root / "nowhere")
    assert result.exit_code == 0 and all(name in result.output for name in DATASETS)
    assert result.output.count("not here: ") == 9
    assert run("list", "--root", root).output.count("here: ") == 9 and "no --root, no PMF_DATA" in run("list").output


def test_check(run, root, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run("check", empty)
    assert result.exit_code == 0 and result.output.count("published at") >= 9 and "present" not in result.output
    result = run("check", root)
    assert result.exit_code == 1 and "differs" in result.output and result.output.endswith("cannot be read.\n")
    (root / "FBDB15K/norm/triples_2").write_text("1\n")
    output = run("check", root).output
    assert f"unreadable  {root}/FBDB15K/norm/triples_2:1: expected 3 numbers" in output
    result = run("check", root / "nowhere")
    assert result.exit_code == 2 and "nowhere: no such folder; name the one" in result.output


def test_show(run, root):
    (root / "FBDB15K/norm/ill_ent_ids").write_text("0\t1\n2\t1\n")
    result = run("show", "mmkg/fb_db", "--root", root)
    assert result.exit_code == 0
    for words in (
        "entities",
        "image: 2 numbers for 3 of 8 entities",
        "Paris (0) = Paris (1)",
        "Tour Eiffel → 0 → Paris",
    ):
        assert words in result.output
    assert "Repaired: " in result.output and "0 left and 1 right entities stand in a second pair" in result.output
    result = run("show", "emoji/xx")
    assert result.exit_code == 2 and result.output.startswith("Error: unknown data set")


def test_unpack(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("DBP15K/x", "1")
    result = run("unpack", tmp_path / "a.zip", tmp_path / "new")
    assert result.exit_code == 0 and (tmp_path / "new/DBP15K/x").read_text() == "1"
    result = run("unpack", tmp_path / "a.zip", tmp_path / "new")
    assert result.exit_code == 2 and "is there already" in result.output


# What has to be equal where the files lie; of DBP15K ZH-EN we have neither attributes nor images.
EQUAL = {
    "openea/en_fr_v1": {"entities", "relations", "attributes", "relation_triples", "attribute_triples", "ea_pairs"},
    "dbp15k/zh_en": {"entities", "relations", "relation_triples", "ea_pairs"},
}


@pytest.mark.parametrize("name", EQUAL)
def test_counts_of_table_4(name):
    beside = Path(__file__).parents[3] / "shared" / "data"
    root = os.environ.get("PMF_DATA") or (beside if beside.is_dir() else None)
    if root is None or not (Path(root) / DATASETS[name].folder).is_dir():
        message = f"{name} is not here: set PMF_DATA to the folder that holds {DATASETS[name].folder}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    counts = catalogue.compare(name, Path(root))
    assert {(c.graph, c.what) for c in counts if c.what in EQUAL[name] and c.verdict != "equal"} == set()
    assert len([c for c in counts if c.what in EQUAL[name]]) == 2 * len(EQUAL[name])
    graphs = load(name, root)
    assert len(graphs.pairs) == len(graphs.pairs.unique(dim=0))
    # Left rows hold the left graph, and triples stay within their graph.
    assert (graphs.pairs[:, 0] < graphs.n_left).all() and (graphs.pairs[:, 1] >= graphs.n_left).all()
    assert torch.equal(*(graphs.edge_index < graphs.n_left))
