"""The command in odd surroundings: another locale, no home, nobody who reads, no room and no rights. Nothing is lost, and nothing fails at length."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pmf_minimal.datasets import folders
from pmf_minimal.errors import NotWritable
from pmf_minimal.runs import files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses a POSIX shell")
COMMAND = f"{sys.executable} -m pmf_minimal"
WRITTEN = {"matches.csv", "run.json", "thresholds.csv"}


@pytest.fixture
def here(tmp_path):
    """A folder with two small graphs whose names are no ASCII."""
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("abcdefghij"), 8)) for _ in range(40)]
    for side in "lr":
        rows = "".join(f"{side}{i},Île {name[:7]} 東京\n" for i, name in enumerate(names))
        (tmp_path / f"{side}.csv").write_text("id,name\n" + rows, "utf-8")
    return tmp_path


def shell(text, here, **changes):
    """Run by a shell, with so changed an environment (None takes a variable away)."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run(
        ["sh", "-c", text], cwd=here, env=environment, capture_output=True, encoding="utf-8", errors="replace"
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def files_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "changes",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii", "HOME": None},
        {"HOME": "/nowhere/at/all"},
    ],
)
def test_locale_and_home(here, changes):
    done = shell(f"{COMMAND} align l.csv r.csv --out run --report report.html", here, **changes)
    assert done.returncode == 0 and files_in(here / "run") == WRITTEN, done.stderr
    assert "東京" in (here / "run" / "matches.csv").read_text("utf-8")
    assert "Written to run" in done.stdout


@pytest.mark.parametrize("end", ["| head -1", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_nobody_reads(here, end):
    done = shell(f"{COMMAND} align l.csv r.csv --out run {end}", here)
    assert done.returncode == 0 and files_in(here / "run") == WRITTEN, done.stderr


def test_help_where_there_is_no_room(here):
    if not os.path.exists("/dev/full"):
        pytest.skip("no such device")
    done = shell(f"{COMMAND} align --help >/dev/full", here)
    assert done.returncode == 2
    assert done.stderr.strip() == "Error: the output cannot be written (No space left on device); make room"


def test_files_may_not_grow(here):
    """What was found stays beside the place, and the same command goes on where there is room."""
    done = shell(f"ulimit -f 4; {COMMAND} align l.csv r.csv --out run --report report.html", here)
    assert done.returncode == 2 and not (here / "run").exists()
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: run: cannot be written (File too large); what there is lies in "), done.stderr
    assert shell(f"{COMMAND} align l.csv r.csv --out run", here).returncode == 0 and files_in(here / "run") == WRITTEN


@pytest.mark.parametrize("command", ["align", "predict known"])
def test_the_page_has_no_room(here, command):
    """The results are there all the same, and the same command goes on to the page from what is kept."""
    assert shell(f"{COMMAND} align l.csv r.csv --out known", here).returncode == 0
    told = shell(f"ulimit -f 40; {COMMAND} {command} l.csv r.csv --out run --report report.html", here)
    assert told.returncode == 2 and files_in(here / "run") == WRITTEN, told.stderr
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: report.html: cannot be written (File too large)"), last
    assert "; the results are in run, and the same command with another --out goes on from align-" in last, last
    done = shell(f"{COMMAND} {command} l.csv r.csv --out again --report report.html", here)
    assert done.returncode == 0 and (here / "again/matches.csv").read_bytes() == (here / "run/matches.csv").read_bytes()
    assert files_in(here) == {"l.csv", "r.csv", "known", "run", "again", "report.html"}


CARD = """title: A small one
question: Does it run?
chapter: notebooks/10_ablations
preset: paper
settings: {dim: 8, epochs: 2, batch_size: 200, scoring_start: 1, scoring_end: 2}
datasets: [synthetic/foreign]
seeds: 2
variants: {a: {}, b: {scoring: "off"}}
claims: []
"""


def test_runs_that_are_finished_survive_tables_without_room(here):
    (here / "card.yaml").write_text(CARD)
    command = f"{COMMAND} experiment card.yaml --jobs 1 --cache cache --out out"
    full = shell(f"ulimit -f 6; {command}", here)
    last = full.stderr.strip().splitlines()[-1]
    assert full.returncode == 2 and last.startswith("Error: out: cannot be written (File too large); what there is"), (
        last
    )
    assert last.endswith("; the runs that are finished are in cache; give the same command to go on from there.")
    runs = {path: path.stat().st_mtime_ns for path in (here / "cache").glob("*.json")}
    assert len(runs) == 4 and shell(command, here).returncode == 0
    assert runs == {path: path.stat().st_mtime_ns for path in (here / "cache").glob("*.json")}


def test_a_run_that_fails_in_another_process_is_one_sentence(here):
    (here / "card.yaml").write_text(CARD.replace("dim: 8", "dim: 8, lr: 1.0e+8"))
    done = shell(f"{COMMAND} experiment card.yaml --jobs 2 --cache cache", here)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and last.startswith("Error: synthetic/foreign, "), done.stderr


def test_what_cannot_be_finished_takes_no_room(tmp_path, monkeypatch):
    """Of any file of a run; its old content stays."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(files, "move_into_place", full)
    for write in (files.write_json, files.write_tensors):
        with pytest.raises(OSError, match="No space"):
            write(path, {"x": torch.zeros(3)} if write is files.write_tensors else {})
    with pytest.raises(NotWritable, match="a: cannot be written .No space left on device.; make room"):
        files.write_text(path, "new")
    assert path.read_text() == "old" and files_in(tmp_path) == {"a"}


def test_a_folder_that_takes_nothing(here):
    """Refused at once. Root may write anywhere but on a file system that is mounted to be read."""
    if os.geteuid() == 0:
        locked = "mount --bind . . && mount -o remount,ro,bind . && cd ."
        text = f"unshare -m sh -c 'cd {here} && mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && {COMMAND} align l.csv r.csv --out run'"
        if shell(f"unshare -m sh -c '{locked}'", here).returncode:
            pytest.skip("no rights to mount")
        done = shell(text, here)
    else:
        here.chmod(0o555)
        done = shell(f"{COMMAND} align l.csv r.csv --out run", here)
        here.chmod(0o755)
    assert (
        done.returncode == 2
        and "run: no folder can be made there" in done.stderr
        and "; name a new folder with --out" in done.stderr
    )
    assert files_in(here) == {"l.csv", "r.csv"}


def test_a_disk_that_becomes_read_only(tmp_path, monkeypatch):
    """While the results are written; one sentence even so."""

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    with (
        pytest.raises(NotWritable, match="run: cannot be written .Read-only file system.; what there is lies in"),
        folders.new_folder(tmp_path / "run"),
    ):
        monkeypatch.setattr(Path, "unlink", refuse)
        refuse()
