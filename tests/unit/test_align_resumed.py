"""An alignment that was halted goes on where it was, and ends byte for byte as one that was not."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from safetensors import SafetensorError

from pmf_minimal import own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets import worlds
from pmf_minimal.own import stages as kept_stages
from pmf_minimal.own.stages import Stages
from pmf_minimal.runs import files

FILES = ("matches.csv", "thresholds.csv", "run.json")
KILLS = int(os.environ.get("PMF_KILLS", 6))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Two tables of people, the right one with typing errors, and known pairs."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("people")
    syllables = ["ka", "lo", "mi", "ren", "tus", "va", "dor", "el", "son", "gi"]
    names = ["".join(random.choice(syllables, 3)) + " " + "".join(random.choice(syllables, 4)) for _ in range(150)]
    for side in ("left", "right"):
        spelt = [name if side == "left" or k % 3 else name[:4] + name[5:] for k, name in enumerate(names)]
        town = [f"town {k % 23}" for k in range(len(names))]
        table = pd.DataFrame({"id": [f"{side[0]}{k}" for k in range(len(names))], "name": spelt, "town": town})
        table.to_csv(folder / f"{side}.csv", index=False)
    pd.DataFrame({"left": [f"l{k}" for k in range(40)], "right": [f"r{k}" for k in range(40)]}).to_csv(
        folder / "pairs.csv", index=False
    )
    return folder


def words(records, out):
    sides = [str(records / name) for name in ("left.csv", "right.csv")]
    return ["align", *sides, "--seeds", str(records / "pairs.csv"), "--out", str(out)]


@pytest.fixture(scope="module")
def whole(records, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    done = CliRunner().invoke(main, words(records, out))
    assert done.exit_code == 0, done.output
    assert [path.name for path in out.parent.iterdir()] == ["run"]
    return out


def same(one, other):
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes()


class Halt(Exception):
    pass


def halting(limit):
    """Stages of which so many can be computed, and then no more."""

    class Halting(Stages):
        computed = 0

        def __call__(self, name, compute, fits):
            def counted():
                if limit is not None and self.computed >= limit:
                    raise Halt
                found = compute()  # perhaps by other stages
                self.computed += 1
                return found

            return super().__call__(name, counted, fits)

    return Halting


def aligned(records, parent, out, limit=None, changed=None):
    stages = halting(limit)(parent)
    left = own.read_graph(records / "left.csv")
    if changed:
        left.attributes.iloc[0, 2] = changed
    with stages:
        found = own.align(left, records / "right.csv", records / "pairs.csv", progress=False, stages=stages)
        found.save(out)
    return stages


def test_a_halt_after_any_stage_costs_nothing(records, whole, tmp_path):
    kept = [0]
    while not (tmp_path / "run").exists():
        try:
            aligned(records, tmp_path, tmp_path / "run", limit=1)
        except Halt:
            kept.append(len([*tmp_path.glob("align-*.state/*.safetensors")]))
            assert kept[-1] > kept[-2]
    assert len(kept) > 3
    same(tmp_path / "run", whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_stages_are_of_one_data_and_one_code(records, tmp_path, monkeypatch):
    with pytest.raises(Halt):
        aligned(records, tmp_path, tmp_path / "run", limit=4)
    with pytest.raises(Halt):  # another name of one entity
        aligned(records, tmp_path, tmp_path / "run", limit=0, changed="somebody else")
    monkeypatch.setattr(kept_stages, "modules_fingerprint", lambda *modules: "another")
    with pytest.raises(Halt):
        aligned(records, tmp_path, tmp_path / "run", limit=0)
    assert len([*tmp_path.iterdir()]) == 1


def test_a_damaged_stage_is_computed_again_and_files_of_others_stay(records, whole, tmp_path):
    with pytest.raises(Halt):
        aligned(records, tmp_path, tmp_path / "run", limit=4)
    (folder,) = tmp_path.glob("align-*.state")
    parts = sorted(folder.iterdir())
    parts[0].write_bytes(b"no such file")
    parts[1].write_bytes(parts[1].read_bytes()[:-3])
    with pytest.raises(Halt):
        aligned(records, tmp_path, tmp_path / "run", limit=1)
    parts[0].unlink()
    (folder / "notes.txt").write_text("mine")
    stages = aligned(records, tmp_path, tmp_path / "run")
    assert stages.computed == 2, [path.name for path in parts]  # the rounds before are whole
    same(tmp_path / "run", whole)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_pairs_of_entities_that_do_not_exist_are_not_taken_up():
    fits = kept_stages.pairs_fit([2, 3])
    pair = np.array([0, 1]), np.array([2, 0])
    assert fits(*pair) and fits(*pair, np.array([0.0, 1.0]))
    assert (
        not fits(np.array([0, 2]), pair[1]) and not fits(np.array([0, -1]), pair[1]) and not fits(pair[0], pair[1][:1])
    )
    assert (
        not fits(*pair, np.array([0.5, np.nan])) and not fits(*pair, np.array([0.5, 1.5])) and not fits(*pair, pair[0])
    )
    assert not fits(pair[0].astype(float), pair[1])


def test_a_link_is_not_followed_and_a_full_disk_costs_nothing(records, tmp_path, monkeypatch):
    place, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    with pytest.raises(Halt):
        aligned(records, place, place / "run", limit=0)
    monkeypatch.setattr(kept_stages, "identity", lambda *given: "0" * 64)
    (place / f"align-{'0' * 32}.state").symlink_to(elsewhere)
    aligned(records, place, place / "run")
    assert not [*elsewhere.iterdir()]
    (place / f"align-{'0' * 32}.state").unlink()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(files, "save_file", full)
    stages = aligned(records, place, place / "again")
    assert not stages.kept() and {path.name for path in place.iterdir()} == {"run", "again"}


def test_what_other_alignments_left_is_said_and_stays(records, tmp_path):
    with pytest.raises(Halt):
        aligned(records, tmp_path, tmp_path / "run", limit=4, changed="somebody else")
    (state,) = tmp_path.iterdir()
    mine, link = tmp_path / "align-mine.state", tmp_path / f"align-{'1' * 32}.state"
    mine.mkdir()
    (tmp_path / f"align-{'2' * 32}.state").mkdir()  # holds nothing of ours
    link.symlink_to(state)
    for place in (mine, tmp_path / f"align-{'2' * 32}.state"):
        (place / "a.safetensors").write_text("no such file")
    done = CliRunner().invoke(main, words(records, tmp_path / "run"))
    assert (
        done.exit_code == 0
        and f"Note: 1 folders of other alignments, which were halted or still run, lie beside it, such as {state};"
        in done.output
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "run",
        mine.name,
        link.name,
        state.name,
        f"align-{'2' * 32}.state",
    }
    done = CliRunner().invoke(main, words(records, tmp_path / "new" / "run"))
    assert done.exit_code == 0 and "other alignments" not in done.output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_or_asked_to_end(records, whole, tmp_path, number):
    command = [sys.executable, "-m", "pmf_minimal", *words(records, tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not [*tmp_path.glob("align-*.state/*.safetensors")]:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), said
    assert not (tmp_path / "run").exists()
    (folder,) = tmp_path.glob("align-*.state")
    if number != signal.SIGKILL:
        told = said.strip().splitlines()[-1].split("\r")[-1].strip()
        assert told == f"Halted: what was found so far is in {folder}; give the same command to go on from there."
    done = CliRunner().invoke(main, words(records, tmp_path / "run"))
    assert done.exit_code == 0, done.output
    same(tmp_path / "run", whole)
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "run.lock"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_killed_again_and_again(tmp_path):
    """Anywhere: after a stage has appeared, and some time after that, which may be within the next one or while results are written."""
    worlds.write(tmp_path / "world", 600, known=20)
    sides = [str(tmp_path / "world" / name) for name in ("left", "right")]
    words = ["align", *sides, "--seeds", str(tmp_path / "world" / "seeds.csv"), "--out"]
    assert CliRunner().invoke(main, [*words, str(tmp_path / "whole")]).exit_code == 0
    random, kills, ends = np.random.default_rng(0), 0, 0
    while kills < KILLS:
        folder, out = tmp_path / f"try{ends}", tmp_path / f"try{ends}" / "run"
        folder.mkdir(exist_ok=True)
        seen = len([*folder.glob("align-*.state/*.safetensors")])
        process = subprocess.Popen(
            [sys.executable, "-m", "pmf_minimal", *words, str(out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and len([*folder.glob("align-*.state/*.safetensors")]) <= seen:
            time.sleep(0.005)
        time.sleep(random.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        if out.exists():
            same(out, tmp_path / "whole")
            ends += 1
    if not out.exists():
        assert CliRunner().invoke(main, [*words, str(out)]).exit_code == 0
        same(out, tmp_path / "whole")
    assert kills == KILLS
