"""Figures with a slider: for the built book without a network, without a kernel, and for JupyterLab and Colab.

All that a figure knows stands in its HTML: the table of its numbers, and a picture of the state at the start. A script
of a few lines, in the HTML too, puts the slider there and shows the row that it points to. Where scripts do not run (in
print, in a notebook that is not trusted) picture, words and table remain, and no dead control.
"""

from __future__ import annotations

import math

import pandas as pd
from pandas.api.types import is_numeric_dtype

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.drawing import DASHES, LEFT, WIDTH, Line, axes, bar, picture
from pmf_minimal.teaching.markup import Markup, face, fill, join

with extra("book"):
    from IPython.display import HTML
    from PIL import Image

# How a picture looks while its value is no number but a word such as "frozen".
GREY = "filter:grayscale(1);opacity:.3"

PRINT = Markup("<style>@media print{.pmf-slider{display:none!important}}</style>")
FACE = (
    '<div style="width:5.6em;font-size:.8em;text-align:center;line-height:1.3;overflow-wrap:anywhere">'
    '<div data-face style="{grey}">{face}</div>{sample}{name}<br>{shown}</div>'
)
# A white card with dark text stays readable on a dark page.
PAGE = (
    '<figure data-slider="{label}" data-start="{start}" style="margin:0;max-width:38em">{style}'
    '<div style="background:#fff;color:#222;padding:.8em;border-radius:.5em">'
    '<img src="{picture}" alt="{alt}" style="width:100%;height:auto;display:block">'
    '<p aria-live="polite" aria-atomic="true" style="display:flex;flex-wrap:wrap;gap:.1em 1.2em;margin:.4em 0;color:#222">'
    "<span>at {label} <b data-at>{at}</b>:</span> {legend}</p>"
    '<div style="display:flex;flex-wrap:wrap;gap:.6em">{faces}</div>'
    "<details><summary>The numbers as a table</summary>"
    '<div style="overflow-x:auto"><table style="color:#222;background:#fff">{table}</table></div></details></div>'
    '<figcaption style="padding-top:.4em">{caption}</figcaption><script>{script}</script></figure>'
)

# The picture is an <img> because notebooks that are not trusted show no inline SVG; the script takes it out of there.
# No ids, and no reliance on where the script stands: several figures share a page, and each script looks for those
# that no other has set up.
SCRIPT = """
for (const figure of document.querySelectorAll("figure[data-slider]:not([data-ready])")) {
  figure.dataset.ready = "";
  const img = figure.querySelector("img");
  const text = atob(img.src.split(",")[1]);
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  svg.setAttribute("aria-label", img.alt);
  svg.style.cssText = img.style.cssText;
  img.replaceWith(svg);
  const rows = [...figure.querySelectorAll("tr")].map(row => [...row.cells].map(cell => cell.textContent));
  const names = rows.shift();
  const label = document.createElement("label"), input = document.createElement("input");
  const output = document.createElement("output");
  label.textContent = figure.dataset.slider + " ";
  Object.assign(input, {type: "range", min: 0, max: rows.length - 1, step: 1});
  input.value = figure.dataset.start;
  input.style.cssText = "flex:1;min-width:8em;height:2em";
  label.style.cssText = "display:flex;gap:.6em;align-items:center";
  output.setAttribute("aria-live", "off");
  output.style.cssText = "min-width:3em;font-weight:bold";
  label.append(input, output);
  label.className = "pmf-slider";
  svg.after(label);
  const show = () => {
    const k = +input.value, at = rows[k][0];
    output.textContent = at;
    input.setAttribute("aria-valuetext", at);
    figure.querySelectorAll("[data-at]").forEach(e => e.textContent = at);
    figure.querySelectorAll("[data-series]").forEach(e => {
      const face = e.parentNode.querySelector("[data-face]");
      e.textContent = rows[k][names.indexOf(e.dataset.series)];
      if (face) face.style.cssText = isNaN(e.textContent) ? "GREY" : "";
    });
    svg.querySelectorAll("[data-places]").forEach(mark => {
      const place = mark.dataset.places.split(" ")[k];
      mark.style.display = place == "-" ? "none" : "";
      if (place != "-") mark.setAttribute("transform", `translate(${place})`);
    });
  };
  input.addEventListener("input", show);
  show();
}
""".replace("GREY", GREY)


def slider(
    table: pd.DataFrame,
    start,
    alt: str,
    caption: str,
    digits: int = 3,
    limits: tuple[float, float] = (0, 1),
    pictures: dict[str, Image.Image] | None = None,
) -> HTML:
    """Lines over the rows of a table, and a slider that says which row to read.

    Args:
        table: one row per position of the slider, in order; the index holds the positions, its name is the slider's
            label. One column per line, at most four; nan where there is no value. A column that bears a modality's name has
            the modality's colour. Columns that hold words are no lines, what they say is shown.
        start: the position shown first, and where scripts do not run; one of the index.
        alt: what the picture holds, for those who cannot see it.
        caption: what to see when the slider moves.
        digits: decimals of the numbers shown; the table holds the same.
        limits: lower and upper end of the vertical axis.
        pictures: column name -> a picture that is shown with the column's value, greyed where that is no number.

    Returns:
        The figure. In the page its slider is ``input[type=range]``, the position is in ``output`` and ``[data-at]``, the
        values are in ``[data-series="column name"]``, and all of them are in the ``table``.

    Raises:
        ValueError: the index has no name or fewer than two rows, ``start`` is not in it, two columns have one name, there
            are more lines than can be told apart, or a value lies outside the limits.
    """
    lines = _check(table, start, limits)
    k, where = list(table.index).index(start), [_shown(p) for p in table.index]
    x = [LEFT + WIDTH * i / (len(where) - 1) for i in range(len(where))]
    drawn = {name: Line.of(table[name], lines.index(name), x, limits) for name in lines}
    body = [axes(where, x, *limits), bar(x, k), *(line.drawing(k) for line in drawn.values())]
    legend, faces = _legend(table, k, digits, drawn, pictures or {})
    return HTML(
        str(
            fill(
                PAGE,
                label=table.index.name,
                start=k,
                style=PRINT,
                picture=picture(body),
                alt=alt,
                at=where[k],
                legend=join(legend, " "),
                faces=join(faces),
                table=_table(table, where, digits),
                caption=caption,
                script=Markup(SCRIPT),
            )
        )
    )


def _legend(table: pd.DataFrame, k: int, digits: int, drawn: dict, pictures: dict) -> tuple[list[Markup], list[Markup]]:
    """Names and values of the columns at one position: as words, and under their pictures."""
    legend, faces = [], []
    for name, values in table.items():
        value = values.iloc[k]
        parts = {
            "sample": drawn[name].sample() if name in drawn else "",
            "name": name,
            "shown": fill('<b data-series="{name}">{value}</b>', name=name, value=_shown(value, digits)),
        }
        if name in pictures:
            grey = GREY if isinstance(value, str) or math.isnan(value) else ""
            faces.append(fill(FACE, grey=grey, face=face(pictures[name], str(name)), **parts))
        else:
            legend.append(fill('<span style="white-space:nowrap">{sample}{name} {shown}</span>', **parts))
    return legend, faces


def _check(table: pd.DataFrame, start, limits: tuple[float, float]) -> list:
    """The columns that are lines; ValueError where the table cannot be shown."""
    positions = list(table.index)
    if table.index.name is None or len(positions) < 2:
        raise ValueError("give the index of the table a name, the slider's label, and at least two rows")
    if start not in positions:
        raise ValueError(f"start={start!r} is not among the rows of the table: {', '.join(map(str, positions))}")
    if len({str(name) for name in (table.index.name, *table.columns)}) <= table.shape[1]:
        raise ValueError("two columns, or the index and a column, have the same name")
    lines = [name for name in table if is_numeric_dtype(table[name])]
    if not 1 <= len(lines) <= len(DASHES):
        raise ValueError(f"{len(lines)} columns of numbers: between 1 and {len(DASHES)} lines can be told apart")
    low, high = limits
    if (table[lines].lt(low) | table[lines].gt(high)).any(axis=None):
        raise ValueError(f"a value lies outside limits={limits}")
    return lines


def _table(table: pd.DataFrame, where: list[str], digits: int) -> Markup:
    """Head and body of the table of all numbers."""
    head = [fill('<th scope="col">{name}</th>', name=name) for name in (table.index.name, *table.columns)]
    rows = [
        fill(
            '<tr><th scope="row">{at}</th>{cells}</tr>',
            at=at,
            cells=join(fill("<td>{value}</td>", value=_shown(v, digits)) for v in row),
        )
        for at, row in zip(where, table.to_numpy(), strict=True)
    ]
    return fill("<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>", head=join(head), rows=join(rows))


def _shown(value, digits: int | None = None) -> str:
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "–"
    return f"{value:g}" if digits is None else f"{value:.{digits}f}"
