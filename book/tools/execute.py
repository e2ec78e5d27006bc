"""Execute notebooks with papermill, one after the other, and say how long each took.

    python book/tools/execute.py notebooks/*.ipynb --to _build/notebooks     # for the book: the sources stay as they are
    python book/tools/execute.py notebooks/*.ipynb --in-place                # make refresh: new outputs for the commit
    python book/tools/execute.py notebooks/*.ipynb --to OUT -p scale smoke   # with other parameters

The first cell that fails stops everything with exit code 1; a parameter that a notebook does not have, with 2.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import papermill
import yaml
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError

CELL_TIMEOUT = 3600  # seconds; a cell that takes longer has hung, even on a machine that is busy with other things

# What a committed notebook says about its kernel: the language, but not the machine that ran it last.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
CELL_METADATA = ("tags", "mystnb")  # all else is an editor's or papermill's own


def normalise(nb):
    """Strip `nb` of whatever differs from run to run or from editor to editor, so that a diff shows real changes only."""
    nb.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)})
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return nb


def _joined(outputs):
    """Join neighbouring pieces of one stream, since where the kernel happened to flush is chance, and keep of a
    progress bar what a screen would show in the end: nothing.
    """
    result = []
    for output in outputs:
        previous = result[-1] if result else None
        if previous and output.output_type == "stream" == previous.output_type and output.name == previous.name:
            previous.text += output.text
        else:
            result.append(output)
    for output in result:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r", "", output.text)
    return [output for output in result if output.output_type != "stream" or output.text.strip()]


def check_parameters(path, parameters):
    """Papermill only warns about an unknown parameter and goes on; here it is an error."""
    if not parameters:
        return  # nothing to look up, and a notebook fresh from an editor may not say yet which kernel it wants
    known = papermill.inspect_notebook(str(path))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ValueError(f"{path} has no parameter {', '.join(unknown)}; it has: {', '.join(known) or 'none'}")


def execute(path, target, parameters):
    """Run `path`, in its own folder, and write it with its outputs to `target` — which appears only if all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        papermill.execute_notebook(
            str(path),
            str(draft),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(path.parent),
            execution_timeout=CELL_TIMEOUT,
            record_timing=False,  # otherwise no two runs would give the same file
            progress_bar=False,  # `make book` runs two at a time, whose bars would overwrite each other
            # Without this, each kernel writes a line about unencrypted sockets (of this very machine).
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        nb = normalise(nbformat.read(draft, as_version=4))
        nbformat.write(nb, draft)
        shutil.move(draft, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path, help="files, or folders of them")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="FOLDER")
    where.add_argument("--in-place", action="store_true")
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    args = parser.parse_args()
    paths = [
        path for given in args.notebooks for path in (sorted(given.glob("*.ipynb")) if given.is_dir() else [given])
    ]
    parameters = {name: yaml.safe_load(value) for name, value in args.parameters}  # "1" is a number, "smoke" a word
    if args.in_place and parameters:
        parser.error("--in-place writes what is committed, which has its own parameters: no -p with it")

    # Dictionaries and sets of strings are walked in the same order in every run.
    os.environ.setdefault("PYTHONHASHSEED", "0")
    try:
        for path in paths:
            check_parameters(path, parameters)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        for path in paths:
            start = time.monotonic()
            print(f"{path}: running", flush=True)
            execute(path, path if args.in_place else args.to / path.name, parameters)
            print(f"{path}: {time.monotonic() - start:.0f} s", flush=True)
    except (PapermillExecutionError, CellTimeoutError) as error:
        print(f"{path} failed:\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
