"""Builds the package in a copy of its own, so that nothing is left in the working tree."""

import shutil
import subprocess
import sys

from bookfiles import ROOT


def build(folder, *options):
    """Source archive and wheel, or what `options` say; returns the folder that they are in."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "DATA_LICENSES.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "pmf_minimal", source / "pmf_minimal", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(folder / "dist")]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"
