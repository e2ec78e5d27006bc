"""Damaged folders of runs, states, cards and settings: refused in one sentence, or read exactly as they say.

Each example is what the package writes itself, and a blow at its structure or its bytes.
"""

import functools
import io
import json
import shutil
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from toys import ODD, many, random_pair, tiny, with_blow, with_byte_blow

from pmf_minimal.cli.main import main
from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets import archives
from pmf_minimal.errors import DamagedFile, DataError
from pmf_minimal.experiments import cache, cards, splits
from pmf_minimal.runs.checkpoints import Keeper
from pmf_minimal.runs.run import fit, load_run
from pmf_minimal.training import Training

EVIDENCE = dict(scoring="off", freezing="off", fusion="evidence")


def refused(read, *kinds):
    """Call a reader: what it returns, or None if it refused in one line of reasonable length."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except (DataError, *kinds) as error:
        said = str(error)
        assert said and "\n" not in said and len(said) < 3000 and "\x1b" not in said, said
        return None


@st.composite
def blows(draw, files):
    """One of the files, and the bytes that it has after a blow."""
    name = draw(st.sampled_from(sorted(files)))
    data = files[name]
    if name.endswith(".json") and draw(st.integers(0, 3)):
        tree = with_blow(draw, json.loads(data))
        return name, json.dumps(tree).encode()
    if name.endswith(".safetensors") and draw(st.integers(0, 3)):
        tensors = load(data)
        key = draw(st.sampled_from(sorted(tensors)))
        x = tensors[key]
        other = [
            x.double(),
            x.reshape(-1)[:0],
            x.reshape(-1),
            x[None],
            x.bool(),
            x.long(),
            -x.float() - 1e6,
            x.float() * torch.nan,
        ]
        blow = draw(st.integers(0, len(other)))
        if blow == len(other):
            del tensors[key]
        else:
            tensors[key] = other[blow].contiguous()
        return name, save(tensors)
    return name, with_byte_blow(draw, data)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Graphs, and the folder of a run on them."""
    graphs, folder = random_pair(12), tmp_path_factory.mktemp("finished") / "run"
    fit(graphs, tiny(epochs=1, **EVIDENCE), "cpu", progress=False).save(folder)
    return graphs, folder


def test_folder_of_a_run(finished, tmp_path):
    graphs, folder = finished
    good = {name: data for name, data in content(folder).items() if name not in ("matches.csv", "metrics.json")}
    shutil.copytree(folder, tmp_path / "run")
    whole = load_run(folder, graphs)

    @functools.partial(many, share=8)
    @given(blows(good))
    def check(blow):
        name, data = blow
        path = tmp_path / "run" / name
        path.write_bytes(data)
        run = refused(lambda: load_run(tmp_path / "run", graphs))
        path.write_bytes(good[name])
        if run is None:
            return
        assert all(torch.isfinite(x).all() for x in run.model.embed().values())
        if name == "config.json":
            asked = json.loads(data)
            assert all(json.loads(run.config.to_json())[k] == v for k, v in asked.items() if k != "format")
        if name == "run.json":
            pairs = json.loads(data)
            for split in ("train", "valid", "test"):
                assert run.graphs[split].tolist() == pairs[split]
        if name == "history.csv":
            assert run.config == whole.config

    check()


def test_state_of_a_run(tmp_path):
    graphs, config = random_pair(12).split(0), tiny(epochs=3)
    training = Training(graphs, config)
    training.run_epoch()
    keeper = Keeper(tmp_path, config, graphs)
    keeper.write(training)
    good = content(tmp_path)

    @functools.partial(many, share=8)
    @given(blows(good))
    def check(blow):
        name, data = blow
        (tmp_path / name).write_bytes(data)
        again = refused(lambda: keeper.resume(Training, graphs))
        (tmp_path / name).write_bytes(good[name])
        if again is not None:
            assert again.epoch >= 0 and all(torch.isfinite(x).all() for x in again.model.state_dict().values())
            if name == "state.json":
                values = json.loads(data)["values"]
                assert again.epoch == values["epoch"] and again.history == values["history"]

    check()


CARD = {
    "title": "t", "question": "q", "chapter": "c", "preset": "quick",
    "settings": {"epochs": 1, "dim": 4, "modalities": ["structure", "image"]},
    "datasets": ["synthetic/clean"], "seeds": 5, "variants": {"a": {}, "b": {"lr": 0.01}},
    "readings": {"CSLS": {"csls_rounds": 1}},
    "tuning": {"grid": {"lr": [0.1, 0.01]}, "datasets": ["synthetic/clean"], "seeds": 2},
    "claims": [{"claim": 1, "says": "s", "rule": [{"more": "a", "less": "b"}, {"same": ["a", 0.5], "within": 0.1}]}],
}  # fmt: skip


@st.composite
def card_files(draw):
    tree = with_blow(draw, CARD)
    data = yaml.dump(tree, allow_unicode=draw(st.booleans())).encode("utf-8", "replace")
    return data if draw(st.integers(0, 2)) else with_byte_blow(draw, data)


def test_cards(tmp_path):
    path = tmp_path / "card.yaml"

    @functools.partial(many, share=8)
    @given(card_files())
    def check(data):
        path.write_bytes(data)
        card = refused(lambda: cards.read(path))
        if card is not None:
            plain = yaml.safe_load(data.decode("utf-8"))
            assert card["datasets"] == plain["datasets"] and card["seeds"] == plain["seeds"]
            assert len(cards.cells(card)) == len(card["datasets"]) * len(card["variants"]) * card["seeds"]

    check()


FIELDS = sorted(json.loads(PMFConfig().to_json()))


@st.composite
def changes(draw):
    field = draw(st.sampled_from([*FIELDS, "no_such", "", "__class__", "replace"]))
    value = draw(st.sampled_from(ODD) | st.floats() | st.integers() | st.text(max_size=8))
    return f"{field}={draw(st.sampled_from([json.dumps(value), str(value)]))}"


@functools.partial(many, share=8)
@given(changes())
def test_settings(change):
    from pmf_minimal.cli.main import _parse

    name, value = _parse(change)
    config = refused(lambda: tiny().replace(**{name: value}), ValueError)
    if config is not None:
        assert PMFConfig.from_json(config.to_json()) == config


@functools.partial(many, share=10)
@given(changes())
def test_settings_that_are_accepted_can_be_trained_with(change):
    """Or they are refused for these graphs."""
    from pmf_minimal.cli.main import _parse

    name, value = _parse(change)
    large = {"dim": 64, "epochs": 3, "iterative_epochs": 3}
    if isinstance(value, int | float) and value > large.get(name, value):
        return  # it would take long, and nothing else
    graphs = random_pair(12)
    refused(lambda: fit(graphs, tiny(epochs=2).replace(**{name: value}), "cpu", progress=False), ValueError)


def test_the_command_line_on_odd_settings():
    for change in ("lr", "=", "lr=", "lr=" + "9" * 5000, "lr=" + "[" * 100_000, "\x1b[2J=1", "lr=\x1b[2J"):
        done = CliRunner().invoke(main, ["train", "emoji/fr_en", "--set", change])
        assert done.exit_code == 2 and done.output.count("\n") == 1 and "\x1b" not in done.output, done.output


def test_cached_runs(tmp_path):
    result = {"measures": {"Hits@1": 0.5, "best epoch": None}, "history": [{"epoch": 1, "loss": 2.0}], "seconds": 1.5}
    result |= {"machine": "m", "versions": "v"}
    path = tmp_path / "x.json"

    @functools.partial(many, share=2)
    @given(blows({"x.json": json.dumps(result).encode()}))
    def check(blow):
        path.write_bytes(blow[1])
        found = refused(lambda: cache.read(path))
        if found is not None:
            assert found == json.loads(blow[1]) or str(found) == str(json.loads(blow[1]))
            pd.DataFrame([found["measures"]]).astype(float)

    check()
    path.write_text(json.dumps(result | {"measures": {"Hits@1": 10**400}}))  # no table could hold it
    assert refused(lambda: cache.read(path)) is None


@st.composite
def split_files(draw):
    table = [["left", "right", "split"]]
    for i in range(draw(st.integers(1, 6))):
        table.append([str(100 + i), str(112 + i), draw(st.sampled_from(["train", "test"]))])
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.sampled_from(table))
        row[draw(st.integers(0, len(row) - 1))] = draw(
            st.sampled_from(["", "x", "1e3", "-1", "9" * 40, '"', "\x1b", "100.5"])
        )
    data = "".join(",".join(row) + "\n" for row in table).encode()
    return data if draw(st.integers(0, 2)) else with_byte_blow(draw, data)


def test_splits(tmp_path):
    graphs, path = random_pair(12), tmp_path / "split.csv"

    @functools.partial(many, share=8)
    @given(split_files())
    def check(data):
        path.write_bytes(data)
        found = refused(lambda: splits.shipped_split(graphs, path, 0, 0.2))
        if found is not None:
            rows = [line.split(",") for line in data.decode("utf-8-sig").replace("\r", "\n").split("\n")[1:] if line]
            stated = {
                (int(float(a)) - 100, int(float(b)) - 100) for a, b, kind in (row[:3] for row in rows) if kind == "test"
            }
            assert set(map(tuple, found.test.tolist())) == stated

    check()


@st.composite
def zips(draw):
    names = ["a", "d/b", "../c", "/e", "C:x", "d\\f", "a", ".pmf-minimal", "\x1b[2J", "", "d/", "d"]
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", draw(st.sampled_from([0, 8, 12, 14]))) as archive:
        warnings.simplefilter("ignore")
        for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
            archive.writestr(zipfile.ZipInfo(name), bytes(draw(st.integers(0, 50))))
    data = file.getvalue()
    return data if draw(st.booleans()) else with_byte_blow(draw, data)


def test_archives(tmp_path):
    (tmp_path / "in").mkdir()

    @functools.partial(many, share=16)
    @given(zips())
    def check(data):
        path, out = tmp_path / "a.zip", tmp_path / "in" / "out"
        path.write_bytes(data)
        count = refused(lambda: archives.unpack(path, out))
        assert {p.name for p in tmp_path.iterdir()} == {"a.zip", "in"}
        assert {p.name for p in (tmp_path / "in").iterdir()} == ({"out"} if count is not None else set())
        if count is not None:
            assert count == sum(p.is_file() for p in out.rglob("*"))
            shutil.rmtree(out)

    check()


def test_a_name_without_end_is_cut_in_the_message(finished, tmp_path):
    graphs, folder = finished
    shutil.copytree(folder, tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    facts["modalities"].append("a" * 5000 + "\x1b")
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="trained with a+… too, which these graphs lack") as caught:
        load_run(tmp_path / "run", graphs)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("change", [{"model": "a" * 5000}, {"preset": "a" * 5000}, {"device": "a" * 5000}])
def test_a_word_without_end_is_cut_in_the_message(change):
    with pytest.raises(ValueError) as error:
        fit(random_pair(12), **{"preset": tiny(epochs=1), "device": "cpu", "progress": False} | change)
    assert len(str(error.value)) < 300


def test_what_an_error_quotes_is_cut_and_its_remedy_stays():
    said = str(DamagedFile(f"names.csv:7: {'a' * 10_000} is no name; drop the line"))
    assert len(said) < 2100 and said.startswith("names.csv:7: aaa") and said.endswith("is no name; drop the line")


def test_a_model_that_there_is_not_is_named(finished, tmp_path):
    graphs, folder = finished
    shutil.copytree(folder, tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings | {"model": "7"}))
    with pytest.raises(DamagedFile, match="model='7': choose one of"):
        load_run(tmp_path / "run", graphs)


def test_weights_that_are_not_finite_are_refused(finished, tmp_path):
    graphs, folder = finished
    shutil.copytree(folder, tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    tensors = load(path.read_bytes())
    key = next(k for k, x in tensors.items() if x.is_floating_point())
    tensors[key][0] = np.nan
    path.write_bytes(save(tensors))
    with pytest.raises(DamagedFile, match="model.safetensors: .*not finite"):
        load_run(tmp_path / "run", graphs)
