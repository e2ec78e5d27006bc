"""Figures of stored runs show 95 % intervals and say so; figures of one run say that.

A figure brings the numbers that it shows as CSV, and its caption: what is asked is asked of these.
"""

import base64
import io
import json
import re

import pandas as pd
import pytest
from bookfiles import NOTEBOOKS, name, read
from bs4 import BeautifulSoup

from pmf_minimal.teaching import plots

STORED = [path for path in NOTEBOOKS if any("cards.runs(" in cell.source for cell in read(path).cells)]
ONE_RUN = re.compile(r"\b(one|single|same|is a) run\b", re.IGNORECASE)


def figures(path):
    """(caption, its numbers or None) of every figure that ``plots.show`` has drawn."""
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            page = BeautifulSoup(output.get("data", {}).get("text/html", ""), "html.parser")
            for figure in page.select("figure:has(> img)"):
                link = figure.select_one("a[download]")
                table = link and pd.read_csv(io.BytesIO(base64.b64decode(link["href"].partition(",")[2])))
                yield figure.figcaption.get_text(), table


def fault(caption, table):
    """What is wrong with a figure, or None."""
    if ONE_RUN.search(caption) and (table is None or "low" not in table):
        return None
    if table is None or not {"mean", "low", "high"} <= set(table):
        return "has no intervals and does not say that it shows one run"
    if not (table["low"] <= table["high"]).any():
        return "has empty intervals"
    if "n" in table and table["n"].max() < 5:
        return "rests on fewer than five seeds"
    if "95 %" not in caption:
        return "does not say that its bars or bands are 95 % intervals"
    return None


def test_chapters_with_stored_runs_are_found():
    assert len(STORED) >= 7


@pytest.mark.parametrize("path", STORED, ids=name)
def test_figures_show_intervals(path):
    seen = list(figures(path))
    assert seen
    for caption, table in seen:
        assert fault(caption, table) is None, f"the figure {caption[:70]!r} {fault(caption, table)}"


def test_a_figure_without_intervals_is_found(tmp_path):
    """The same with figures as a wrong cell would draw them."""
    table = pd.DataFrame({"mean": [0.5], "low": [0.4], "high": [0.6]})

    def drawn(caption, data):
        fig, _ = plots.figure()
        html = plots.show(fig, "", caption, data).data
        cell = {"cell_type": "code", "metadata": {}, "source": "", "execution_count": 1, "id": "a"}
        cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}]
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "wrong.ipynb").write_text(json.dumps(notebook))
        ((caption, data),) = figures(tmp_path / "wrong.ipynb")
        return fault(caption, data)

    assert drawn("Means with 95 % intervals.", table) is None
    assert drawn("One run.", None) is drawn("Each point is one run.", table[["mean"]]) is None
    assert "no intervals" in drawn("Means.", None)
    assert "no intervals" in drawn("Means with 95 % intervals.", table[["mean"]])
    assert "empty" in drawn("Means with 95 % intervals.", table.assign(low=None))
    assert "fewer" in drawn("Means with 95 % intervals.", table.assign(n=3))
    assert "95 %" in drawn("Means.", table)
