"""Pack the book into one zip file, for a room without a network.

    python book/tools/bundle.py _build/html      # writes _build/pmf-book-VERSION.zip

In it: the built site, the notebooks with their outputs, the package as a wheel, its data as plain files, the pinned
requirements, checksums, a page for the teacher, and `check.py`, which tells whether all of it has arrived and runs.
The PDF and the teaching copies go in if they have been made. The same files always give the same zip file.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import wheels

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = Path(__file__).with_name("bundled")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "runs")
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file knows


def lay_out(site, made, folder):
    """Put everything into `folder`; `made` is where the PDF and the teaching copies lie, if there are any."""
    shutil.copy(BUNDLED / "check.py", folder)
    text = (BUNDLED / "README.txt").read_text(encoding="utf-8").replace("VERSION", VERSION)
    (folder / "README.txt").write_text(text, encoding="utf-8", newline="\n")
    for name in ("requirements.txt", "LICENSE", "LICENSE-TEXT", "DATA_LICENSES.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(site, folder / "site")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=LEFT_OUT)
    shutil.copytree(ROOT / "pmf_minimal" / "datasets" / "data", folder / "data")
    if (made / "pmf-book.pdf").exists():
        shutil.copy(made / "pmf-book.pdf", folder)
    if (made / "teaching").exists():
        shutil.copytree(made / "teaching", folder / "teaching", ignore=LEFT_OUT)
    with tempfile.TemporaryDirectory() as scratch:
        (wheel,) = wheels.build(Path(scratch), "--wheel").glob("*.whl")
        shutil.copy(wheel, folder)


def files(folder):
    """All files below `folder`, by name in one order on every system."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


def make(site, made, target):
    """Write the zip file; returns its path."""
    name = f"pmf-book-{VERSION}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lay_out(Path(site), Path(made), folder)
        sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {file}\n" for file, path in files(folder).items()]
        (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
        target.mkdir(parents=True, exist_ok=True)
        draft = target / f"{name}.part"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, path in files(folder).items():
                entry = zipfile.ZipInfo(f"{name}/{file}", DATE)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                entry.create_system = 3  # else Windows writes itself in
                archive.writestr(entry, path.read_bytes())
    os.replace(draft, target / f"{name}.zip")
    return target / f"{name}.zip"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--to", type=Path, default=ROOT / "_build", metavar="FOLDER", help="default: _build")
    args = parser.parse_args()
    if not (args.site / "index.html").exists():
        parser.error(f"there is no site in {args.site}: build it first (make book)")
    path = make(args.site, ROOT / "_build", args.to)
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    sys.exit(main())
