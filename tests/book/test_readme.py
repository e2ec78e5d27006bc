"""The README: short, and every command in it works in a fresh folder."""

import re
import shlex
import subprocess

import pytest
from bookfiles import ROOT
from click.testing import CliRunner

from pmf_minimal.cli.main import main

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for kind, block in BLOCKS if kind == "bash" for line in block.splitlines()]
PYTHON = ".venv/bin/python "


def test_it_is_short():
    assert len(README.splitlines()) <= 120


def test_the_make_targets_are_there():
    targets = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert targets == {"book", "test", "setup"}
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert all(command.startswith(("make ", PYTHON)) for command in COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small graphs and some known pairs, under the names that the README uses."""
    folder = tmp_path_factory.mktemp("readme")
    towns = [f"Town {chr(65 + k // 26)}{chr(65 + k % 26)} on the river number {k}" for k in range(60)]
    for side in ("left", "right"):
        label = "<http://www.w3.org/2000/01/rdf-schema#label>"
        lines = [f'<http://{side}.example/{k}> {label} "{name}" .' for k, name in enumerate(towns)]
        lines += [
            f"<http://{side}.example/{k}> <http://{side}.example/next> <http://{side}.example/{(k + 1) % 60}> ."
            for k in range(60)
        ]
        (folder / f"{side}.ttl").write_text("\n".join(lines) + "\n")
    pairs = ["left,right", *(f"http://left.example/{k},http://right.example/{k}" for k in range(0, 60, 2))]
    (folder / "seeds.csv").write_text("\n".join(pairs) + "\n")
    return folder


def test_the_commands_work_one_after_the_other(folder, monkeypatch):
    """As they stand, but that the training is cut to two epochs."""
    commands = [shlex.split(command.removeprefix(PYTHON)) for command in COMMANDS if command.startswith(PYTHON)]
    assert [command[:3] for command in commands] == [
        ["-m", "pmf_minimal", name] for name in ("train", "align", "align", "predict")
    ]
    monkeypatch.chdir(folder)
    for _, _, *words in commands:
        short = ["--set", "epochs=2", "--set", "dim=16"] if words[0] == "train" else []
        done = CliRunner().invoke(main, [*words, *short])
        assert done.exit_code == 0, done.output
    assert (folder / "runs" / "mine" / "matches.csv").exists() and (folder / "runs" / "again").is_dir()


def test_the_python_works(folder, monkeypatch):
    ((code),) = [block for kind, block in BLOCKS if kind == "python"]
    code = code.replace('"quick")', '"quick", epochs=2, dim=16)') + "assert len(run.matches())\n"
    monkeypatch.chdir(folder)
    exec(code, {})
