"""Does the comparison of stored with fresh outputs really compare? On a tiny notebook, run as `make test` runs them."""

import subprocess
import sys

import nbformat
import pytest
from bookfiles import ROOT
from execute import normalise
from nbformat.v4 import new_code_cell, new_notebook, new_output

# A picture with another content each time, a number that does not change, an address that does.
SOURCE = """\
import base64, os
from IPython.display import HTML
print(6 * 7, object())
HTML(f'<img alt="noise" src="data:image/png;base64,{base64.b64encode(os.urandom(30)).decode()}">')"""
PICTURE = '<img alt="noise" src="data:image/png;base64,AAAA">'


def nbval(folder, printed, html=PICTURE):
    """Compare a notebook with these stored outputs; returns pytest's exit code and what it said."""
    outputs = [
        new_output("stream", name="stdout", text=printed),
        new_output(
            "execute_result",
            data={"text/plain": "<IPython.core.display.HTML object>", "text/html": html},
            execution_count=1,
        ),
    ]
    cell = new_code_cell(SOURCE, outputs=outputs, execution_count=1)
    nbformat.write(normalise(new_notebook(cells=[cell])), folder / "tiny.ipynb")
    command = [sys.executable, "-m", "pytest", "tiny.ipynb", "-p", "no:cacheprovider", "--nbval"]
    command += ["--nbval-current-env", "--nbval-cell-timeout", "60"]
    command += ["--nbval-sanitize-with", str(ROOT / "book/tools/nbval_sanitise.cfg")]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return result.returncode, result.stdout


def test_an_untouched_output_passes(tmp_path):
    code, said = nbval(tmp_path, "42 <object object at 0x7f0000000000>\n")
    assert code == 0, said


@pytest.mark.parametrize(
    "changed",
    [
        {"printed": "43 <object object at 0x7f0000000000>\n"},
        {"printed": "42 <object object at 0x7f0000000000>\n", "html": PICTURE.replace("noise", "sound")},
    ],
    ids=["a number", "a picture's alt text"],
)
def test_a_changed_output_fails(tmp_path, changed):
    code, said = nbval(tmp_path, **changed)
    assert code == 1 and "1 failed" in said, said
