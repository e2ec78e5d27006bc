"""What `pip install` gets: source archive and wheel build without a network, and carry what the package needs."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest
from bookfiles import ROOT
from wheels import build

import pmf_minimal

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# All that is in the package's folder, as the repository has it.
FILES = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "pmf_minimal").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return build(tmp_path_factory.mktemp("package"))


def test_both_kinds_carry_every_file(dist):
    """The wheel is made from the source archive, so what is missing in one is missing in both."""
    wheel, source = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.startswith("pmf_minimal/")} == FILES
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {"LICENSE", "DATA_LICENSES.md"} <= {name.split("/")[-1] for name in names if "/licenses/" in name}
    assert metadata.count("Project-URL") == len(PROJECT["urls"]) and "License-Expression: MIT" in metadata
    with tarfile.open(source) as archive:
        assert {"/".join(name.split("/")[1:]) for name in archive.getnames()} >= FILES


def test_data_and_types_are_among_them():
    assert "pmf_minimal/py.typed" in FILES and "pmf_minimal/experiments/cards/ablations.yaml" in FILES
    assert "pmf_minimal/datasets/data/emoji/fr_en/images.npz" in FILES


def test_twine_accepts_it(dist):
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.count("PASSED") == 2, done.stdout + done.stderr


def test_version_is_one():
    assert PROJECT["version"] == pmf_minimal.__version__
