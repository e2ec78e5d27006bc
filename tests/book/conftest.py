"""The built book and the browser, for all tests that look at them."""

import os
import subprocess
import sys

import pytest
from bookfiles import ROOT
from browser import Browser, find_browser
from filelock import FileLock


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Exit code, output and folder of the site, built once for all workers of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, log, code = shared / "book", shared / "book.log", shared / "book.code"
    with FileLock(shared / "book.lock"):
        if not code.exists():
            command = [sys.executable, ROOT / "book/tools/build_site.py", ROOT / "notebooks", "--to", folder]
            with log.open("w") as file:
                done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
            code.write_text(str(done.returncode))
    return int(code.read_text()), log.read_text(), folder / "_build" / "html"


@pytest.fixture(scope="session")
def site(built):
    """The folder with the pages. They are there after warnings too, so that one mistake fails one test, not all."""
    return built[2]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed: the pages are not looked at in a real browser")
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser
