"""Figures with a slider: for the built book without a network, without a kernel, and for JupyterLab and Colab.

All that a figure knows stands in its HTML: the table of its numbers, and a picture of the state at the start. A script
of a few lines, in the HTML too, puts the slider there and shows the row that it points to. Where scripts do not run (in
print, in a notebook that is not trusted) picture, words and table remain, and no dead control.
"""

from __future__ import annotations

import base64
import html
import math

import pandas as pd
import seaborn as sns
from IPython.display import HTML
from pandas.api.types import is_numeric_dtype
from PIL import Image

from pmf_minimal.teaching.plots import COLOURS, _face

# The plot, in units of the SVG's own; shown as wide as there is room, up to a quarter larger.
LEFT, TOP, WIDTH, HEIGHT = 40, 12, 424, 196
# Told apart without colours too.
DASHES = {"none": "solid", "8 4": "dashed", "2 4": "dotted", "12 4 2 4": "dash-dot"}
# How a picture looks while its value is no number but a word such as "frozen".
GREY = "filter:grayscale(1);opacity:.3"

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
    positions = list(table.index)
    if table.index.name is None or len(positions) < 2:
        raise ValueError("give the index of the table a name, the slider's label, and at least two rows")
    if start not in positions:
        raise ValueError(f"start={start!r} is not among the rows of the table: {', '.join(map(str, positions))}")
    if not table.columns.is_unique:
        raise ValueError("two columns have the same name")
    lines = [name for name in table if is_numeric_dtype(table[name])]
    if not 1 <= len(lines) <= len(DASHES):
        raise ValueError(f"{len(lines)} columns of numbers: between 1 and {len(DASHES)} lines can be told apart")
    low, high = limits
    if (table[lines].lt(low) | table[lines].gt(high)).any(axis=None):
        raise ValueError(f"a value lies outside limits={limits}")

    k, where = positions.index(start), [_shown(p) for p in positions]
    x = [LEFT + WIDTH * i / (len(positions) - 1) for i in range(len(positions))]
    palette = sns.color_palette("colorblind").as_hex()
    body, places = [_axes(where, x, low, high)], " ".join(f"{u:.0f},0" for u in x)
    body.append(f'<path d="M0 {TOP}v{HEIGHT}" stroke="#555" {_mark(places, k)}/>')
    legend, faces = [], []
    for name, values in table.items():
        sample = ""
        if name in lines:
            pattern, kind = list(DASHES.items())[lines.index(name)]
            colour = COLOURS.get(name)
            colour = sns.color_palette([colour]).as_hex()[0] if colour else palette[lines.index(name)]
            points = [
                None if math.isnan(v) else (u, TOP + HEIGHT * (high - v) / (high - low))
                for u, v in zip(x, values, strict=True)
            ]
            line = "".join(
                f"{'L' if i and points[i - 1] else 'M'}{p[0]:.0f} {p[1]:.1f}" for i, p in enumerate(points) if p
            )
            dash = f'stroke="{colour}" stroke-width="3" stroke-dasharray="{pattern}"'
            places = " ".join(f"{p[0]:.0f},{p[1]:.1f}" if p else "-" for p in points)
            body.append(f'<path d="{line}" fill="none" {dash}/><circle r="6" fill="{colour}" {_mark(places, k)}/>')
            sample = f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="8"><path d="M0 4h40" {dash}/></svg>'
            sample = (
                f'<img src="{_uri(sample)}" alt="{kind} line:" width="40" height="8" style="display:inline;margin:0"> '
            )
        label, value = html.escape(str(name)), values.iloc[k]
        shown = f'<b data-series="{label}">{_shown(value, digits)}</b>'
        if name in (pictures or {}):
            grey = GREY if isinstance(value, str) or math.isnan(value) else ""
            faces.append(
                '<div style="width:5.6em;font-size:.8em;text-align:center;line-height:1.3;overflow-wrap:anywhere">'
                f'<div data-face style="{grey}">{_face(pictures[name], str(name))}</div>{sample}{label}<br>{shown}</div>'
            )
        else:
            legend.append(f'<span style="white-space:nowrap">{sample}{label} {shown}</span>')

    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {LEFT + WIDTH + 16} {TOP + HEIGHT + 26}" '
        f'font-family="sans-serif" font-size="14" fill="#222">{"".join(body)}</svg>'
    )
    label = html.escape(str(table.index.name))
    head = "".join(f'<th scope="col">{html.escape(str(c))}</th>' for c in [table.index.name, *table.columns])
    rows = "".join(
        f'<tr><th scope="row">{html.escape(at)}</th>{"".join(f"<td>{_shown(v, digits)}</td>" for v in row)}</tr>'
        for at, row in zip(where, table.to_numpy(), strict=True)
    )
    return HTML(
        f'<figure data-slider="{label}" data-start="{k}" style="margin:0;max-width:38em">'
        "<style>@media print{.pmf-slider{display:none!important}}</style>"
        # A white card with dark text stays readable on a dark page.
        '<div style="background:#fff;color:#222;padding:.8em;border-radius:.5em">'
        f'<img src="{_uri(picture)}" alt="{html.escape(alt, quote=True)}" style="width:100%;height:auto;display:block">'
        '<p aria-live="polite" aria-atomic="true" style="display:flex;flex-wrap:wrap;gap:.1em 1.2em;margin:.4em 0;color:#222">'
        f"<span>at {label} <b data-at>{where[k]}</b>:</span> {' '.join(legend)}</p>"
        f'<div style="display:flex;flex-wrap:wrap;gap:.6em">{"".join(faces)}</div>'
        "<details><summary>The numbers as a table</summary>"
        '<div style="overflow-x:auto"><table style="color:#222;background:#fff">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details></div>"
        f'<figcaption style="padding-top:.4em">{html.escape(caption)}</figcaption>'
        f"<script>{SCRIPT}</script></figure>"
    )


def _axes(where: list[str], x: list[float], low: float, high: float) -> str:
    """Frame, a few labels below and at the left."""
    every = math.ceil(len(x) / 6)
    below = "".join(
        f'<text x="{u:.0f}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{html.escape(at)}</text>'
        for at, u in list(zip(where, x, strict=True))[::every]
    )
    beside = "".join(
        f'<path d="M{LEFT} {TOP + HEIGHT * (1 - s):.0f}h{WIDTH}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{TOP + HEIGHT * (1 - s) + 5:.0f}" text-anchor="end">{low + s * (high - low):g}</text>'
        for s in (0, 0.25, 0.5, 0.75, 1)
    )
    return beside + below


def _mark(places: str, k: int) -> str:
    """Attributes of what moves: all its places, and where it is now."""
    place = places.split(" ")[k]
    now = 'style="display:none"' if place == "-" else f'transform="translate({place})"'
    return f'data-places="{places}" {now}'


def _shown(value, digits: int | None = None) -> str:
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "–"
    return f"{value:g}" if digits is None else f"{value:.{digits}f}"


def _uri(svg: str) -> str:
    # In ASCII, so that the script needs no decoder but atob.
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode('ascii', 'xmlcharrefreplace')).decode()}"
