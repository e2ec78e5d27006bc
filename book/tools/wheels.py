"""Builds the package in a copy of its own, so that nothing is left in the working tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(folder, *options):
    """Source archive and wheel, or what `options` say; returns the folder that they are in."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "DATA_LICENSES.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "pmf_minimal", source / "pmf_minimal", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(folder / "dist")]
    # One date for all files in the archives: the same sources then give the same bytes.
    environment = {"SOURCE_DATE_EPOCH": "315532800", **os.environ}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, timeout=250)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return folder / "dist"
