"""What the FAQ says of names, folders, options, presets and versions is so."""

import re

import pytest
from bookfiles import NOTEBOOKS, ROOT, read

from pmf_minimal.cli.main import train
from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import DATASETS

PAGE = (ROOT / "book" / "faq.md").read_text(encoding="utf-8")


def test_every_benchmark_is_named_and_every_name_is_known():
    named = set(re.findall(r"`((?:dbp15k|openea|mmkg|emoji)/\w+)`", PAGE))
    assert named == {name for name in DATASETS if not name.startswith("emoji/")}


@pytest.mark.parametrize("row", re.findall(r"^\| (`\w+/\w+`.*?) \| (`.*`.*?) \|$", PAGE, re.MULTILINE))
def test_folders_are_those_that_are_looked_for(row):
    names, folders = (re.findall(r"`([^`]+)`", cell) for cell in row)
    assert [DATASETS[name].folder for name in names[: len(folders)]] == folders


def test_presets():
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)) == set(PRESETS)
    # What the table says of them.
    quick, default = PRESETS["quick"], PRESETS["recommended"]
    assert (quick.cross_modality, quick.fusion, quick.threshold_grows) == ("off", "keep", ("image",))
    assert (default.scoring, default.freezing, default.cross_modality) == ("off", "off", "off")
    assert PRESETS["released"].selection == "test"


def test_options_of_the_command_line():
    options = {name for option in train.params for name in option.opts}
    named = set(re.findall(r"--\w+", PAGE))
    assert named and named <= options


def test_pythons():
    first, last = re.search(r"Python (3\.\d+) to (3\.\d+)", PAGE).groups()
    asked = re.search(r'requires-python = ">=(3\.\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert first == asked[1] and last == f"3.{int(asked[2]) - 1}"


def test_figures_of_the_plain_model_are_those_of_the_chapters():
    section = PAGE.split("### Why is Hits@1 of the plain model")[1].split("###")[0]
    rows = re.findall(r"^\| \[(\d)\].*$", section, re.MULTILINE)
    assert rows == list("045789")
    for line in section.splitlines():
        for number in re.findall(r"[−]?\.\d{3}", line):
            chapter = read(next(path for path in NOTEBOOKS if path.stem.startswith(f"0{line[3]}")))
            outputs = str([cell.outputs for cell in chapter.cells if cell.cell_type == "code"])
            assert number.replace("−", "-").replace(".", "0.") in outputs, line
