"""The zip file for a room without a network: always the same, whole, and its own check finds what is amiss."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import bundle
import pytest
from bookfiles import ROOT

# Puts a command into a network of its own, in which there is nothing but the machine itself: kernels need that much.
ALONE = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execv(sys.argv[1], sys.argv[1:])
"""
UNSHARE = ["unshare", "--net", "--map-root-user", sys.executable, "-c", ALONE]
REACH = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"  # an address kept for documentation


def without_network():
    """What to put before a command; nothing where the system does not let us. There pip at least has no index."""
    if shutil.which("unshare") is None:
        return []
    done = subprocess.run([*UNSHARE, sys.executable, "-c", REACH], capture_output=True, text=True, timeout=60)
    return UNSHARE if "Network is unreachable" in done.stderr else []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What `make pdf` and `make teach` would have left."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "pmf-book.pdf").write_bytes(b"%PDF-")
    (folder / "teaching").mkdir()
    (folder / "teaching" / "slides.html").write_text("slides")
    return folder


@pytest.fixture(scope="module")
def packed(site, made, tmp_path_factory):
    return bundle.make(site, made, tmp_path_factory.mktemp("bundle"))


def unpack(packed, target):
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(target)
    (folder,) = target.iterdir()
    return folder


@pytest.fixture(scope="module")
def unpacked(packed, tmp_path_factory):
    """Not to be changed."""
    return unpack(packed, tmp_path_factory.mktemp("unpacked"))


def check(folder, *before):
    environment = os.environ | {"PYTHONPATH": "", "PIP_NO_INDEX": "1", "PMF_DATA": ""}
    command = [*before, sys.executable, folder / "check.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    return done.returncode, done.stdout + done.stderr


def test_passes_its_own_check_without_a_network(unpacked):
    code, said = check(unpacked, *without_network())
    assert code == 0 and said.endswith("All is well.\n"), said
    assert "aligns emoji/fr_en" in said and "00_quickstart.ipynb runs from its first cell to its last" in said
    assert {path.name for path in unpacked.iterdir()} == {
        "DATA_LICENSES.md", "LICENSE", "LICENSE-TEXT", "README.txt", "SHA256SUMS", "check.py", "data", "notebooks",
        "pmf-book.pdf", f"pmf_minimal-{bundle.VERSION}-py3-none-any.whl", "requirements.txt", "site", "teaching",
    }, "something is not packed, or the check left something behind"  # fmt: skip


def test_is_the_same_each_time(packed, site, made, tmp_path):
    assert bundle.make(site, made, tmp_path).read_bytes() == packed.read_bytes()


def test_goes_without_what_has_not_been_made(tmp_path, monkeypatch):
    def no_wheel(folder, *options):
        (folder / "x.whl").write_text("")
        return folder

    monkeypatch.setattr(bundle.wheels, "build", no_wheel)
    (tmp_path / "site").mkdir()
    (tmp_path / "bundle").mkdir()
    bundle.lay_out(tmp_path / "site", tmp_path, tmp_path / "bundle")
    assert not {"pmf-book.pdf", "teaching"} & {path.name for path in (tmp_path / "bundle").iterdir()}


def test_its_check_finds_what_is_amiss(packed, tmp_path):
    folder = unpack(packed, tmp_path)
    picture = folder / "data" / "emoji" / "pictures" / "noto.webp"
    picture.write_bytes(picture.read_bytes()[:-1] + b"?")
    (folder / "notebooks" / "05_fusion.ipynb").unlink()
    code, said = check(folder)
    assert code == 1 and "aligns" not in said
    assert "data/emoji/pictures/noto.webp has changed; notebooks/05_fusion.ipynb is missing\n" in said

    # What the checksums cannot know, since it was packed like this.
    page, spoiled = folder / "site" / "book" / "faq.html", folder / "site" / "book" / "cite.html"
    page.unlink()
    spoiled.write_text(spoiled.read_text() + '<script src="https://example.org/a.js"></script>')
    kept = "(?!.*(noto.webp|05_fusion.ipynb|faq.html|cite.html)$)"
    sums = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in sums if re.match(kept, line)))
    code, said = check(folder)
    assert code == 1 and "aligns" not in said
    assert "page faq.html is missing" in said and "cite.html loads https://example.org/a.js" in said


def test_needs_only_python_for_the_checksums(unpacked):
    """Without any installed package it compares checksums and pages, and says what it left out."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", unpacked / "check.py"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.count("right: ") == 2, done.stdout + done.stderr
    assert "not checked" in done.stdout and "torch" in done.stdout and "All is well" not in done.stdout


def test_sums_are_those_that_other_programs_read(unpacked):
    lines = (unpacked / "SHA256SUMS").read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+", line) for line in lines)
    names = {line.split("  ")[1] for line in lines} | {"SHA256SUMS"}
    assert names == {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}


def test_page_for_the_teacher(unpacked):
    text = (unpacked / "README.txt").read_text()
    assert (unpacked / re.search(r"--no-deps (\S+\.whl)", text)[1]).exists()
    for pin in re.findall(r"\S+==\S+", text):
        assert pin in (ROOT / "requirements.txt").read_text().splitlines()
    for path in re.findall(r"\bsite/\S+\.html", text):
        assert (unpacked / path).exists()
    listed = set(re.findall(r"^    ([\w.*-]+)/? {2,}", text, re.MULTILINE))
    assert {name.replace(f"-{bundle.VERSION}-py3-none-any", "-*") for name in os.listdir(unpacked)} == listed | {
        "README.txt", "SHA256SUMS", "check.py", "LICENSE", "LICENSE-TEXT", "DATA_LICENSES.md"
    }  # fmt: skip
