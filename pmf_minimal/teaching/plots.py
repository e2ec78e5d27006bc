"""Every figure of the book: one style, safe for the colour-blind, with words for those who do not see it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pandas as pd

from pmf_minimal.datasets.extras import extra
from pmf_minimal.teaching.markup import data_uri, face, figure_element, fill, join

with extra("book"):
    import matplotlib.pyplot as plt
    import seaborn as sns
    from IPython.display import HTML

PALETTE = sns.color_palette("colorblind")
#: One colour per modality throughout the book (from seaborn's colour-blind palette).
COLOURS = {
    m: PALETTE[i]
    for m, i in {"structure": 0, "relation": 1, "attribute": 2, "image": 4, "joint": 7, "name": 5, "char": 9}.items()
}
#: The same for PMF, what is taken away from it, and what the book compares it with.
VARIANTS = {
    "plain model": "#222222",
    "PMF (paper)": "#8c1c13",
    "PMF (released)": "#d1775b",
    "without relevance": "#5b7f95",
}
#: One for each system of the paper's Table 1, in its order.
SYSTEMS = {
    name: PALETTE[i] for name, i in {"MMEA": 7, "MSNEA": 5, "EVA": 8, "MCLEA": 9, "MEAformer": 2, "UMAEA": 0}.items()
} | {"PMF": VARIANTS["PMF (paper)"]}
# What the palette has left, for modalities of your own.
OTHERS = [colour for colour in PALETTE if colour not in COLOURS.values()]
# A white card with dark text stays readable on a dark page.
STYLE = {"figure.facecolor": "white", "figure.dpi": 110, "axes.titlelocation": "left", "axes.titleweight": "bold"}


def colours(modalities: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    """A colour for each modality, whatever it is called: the book's own, or for others those that are left, in turn."""
    modalities = list(dict.fromkeys(modalities))
    unknown = [m for m in modalities if m not in COLOURS]
    return {m: COLOURS[m] if m in COLOURS else OTHERS[unknown.index(m) % len(OTHERS)] for m in modalities}


def plain(label: object) -> str:
    """A name out of data as a label: no ``$`` in it starts a formula."""
    return str(label).replace("$", r"\$")


def figure(columns: int = 1, width: float = 7.5, height: float = 3.0):
    """A new figure in the book's style: ``figure, axes`` as ``plt.subplots`` gives them, one row."""
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", rc=STYLE)
    return plt.subplots(1, columns, figsize=(width, height), layout="constrained")


def show(fig, alt: str, caption: str, data: pd.DataFrame | None = None) -> HTML:
    """A Matplotlib figure as a page element with alternative text and caption.

    Args:
        fig: the figure; it is closed.
        alt: what the picture holds, for those who cannot see it.
        caption: what to see in it.
        data: the numbers that it shows, to be downloaded as CSV.
    """
    sns.despine(fig)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(fig)
    picture = fill(
        '<img src="{source}" alt="{alt}" style="max-width:100%">',
        source=data_uri(buffer.getvalue(), "image/png"),
        alt=alt,
    )
    link = None
    if data is not None:
        source = data_uri(data.to_csv().encode(), "text/csv")
        link = fill(' <a download="figure.csv" href="{source}">The numbers as CSV</a>', source=source)
    return figure_element(picture, caption, link)


def intervals(
    table: pd.DataFrame,
    label: str = "Hits@1",
    reference: str | float | None = None,
    columns: int = 2,
    marks: pd.Series | None = None,
):
    """Means with their intervals, a panel for each data set: the figure. All panels have the same axis.

    Args:
        table: index (dataset, variant), columns mean, low, high, as ``cards.summary`` gives it.
        label: what is measured.
        reference: a variant, or a number, that a dashed line shows for comparison.
        columns: panels side by side.
        marks: (colour, marker) of each row of the table; grey dots if there are none.
    """
    variants = list(dict.fromkeys(table.index.get_level_values(1)))
    fig, axes = _panels(table, columns, 0.32 * len(variants) + 0.9)
    for axis, (dataset, part) in axes:
        own = marks[dataset] if marks is not None else {}
        part = part.droplevel(0).reindex(variants)
        for y, r in enumerate(part.itertuples()):
            colour, mark = own.get(r.Index, ("#444444", "o"))
            spread = [[r.mean - r.low], [r.high - r.mean]]
            axis.errorbar(r.mean, y, xerr=spread, fmt=mark, ms=5, capsize=3, color=colour)
        if reference is not None:
            at = part["mean"].get(reference) if isinstance(reference, str) else reference
            axis.axvline(at, color="#555555", lw=1, ls="--", zorder=0)
        axis.set(title=plain(dataset), xlabel=label, yticks=range(len(part)), yticklabels=[plain(v) for v in variants])
        axis.grid(axis="y", color="#eeeeee")
        axis.set_axisbelow(True)
    axis.set_ylim(len(variants) - 0.5, -0.5)  # the panels share it
    return fig


def bands(table: pd.DataFrame, label: str = "Hits@1", columns: int = 2, log: bool = False):
    """Means along a setting, with their intervals as bands, a panel for each data set: the figure.

    Modalities and variants of PMF have the colours that they have everywhere in the book.

    Args:
        table: index (dataset, series, setting), columns mean, low, high; the third level's name is the axis label.
        label: what is measured.
        columns: panels side by side.
        log: a logarithmic axis for the setting.
    """
    fig, axes = _panels(table, columns, 2.6)
    for axis, (dataset, part) in axes:
        for (series, line), style in zip(
            part.droplevel(0).groupby(level=0, sort=False), ("o-", "s--", "^:", "D-.", "v-"), strict=False
        ):
            line = line.droplevel(0).sort_index()
            colour = COLOURS.get(series, VARIANTS.get(series))
            (drawn,) = axis.plot(line.index, line["mean"], style, ms=4, label=plain(series), color=colour)
            axis.fill_between(line.index, line["low"], line["high"], color=drawn.get_color(), alpha=0.18, lw=0)
        axis.set(title=plain(dataset), xlabel=table.index.names[2])
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel(label)
        if log:
            places = sorted(set(table.index.get_level_values(2)))
            axis.set_xscale("log")
            axis.set_xticks(places, [f"{place:g}" for place in places])
            axis.minorticks_off()
    axis.legend(frameon=False, fontsize=9)
    return fig


def _panels(table: pd.DataFrame, columns: int, height: float):
    """A figure with a panel for each value of the table's first level, and (axis, (value, rows)) for each."""
    groups = list(table.groupby(level=0, sort=False))
    columns = min(columns, len(groups))
    rows = -(-len(groups) // columns)
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", rc=STYLE)
    fig, axes = plt.subplots(
        rows, columns, figsize=(9, rows * height), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(groups) :]:
        axis.remove()
    for axis in axes.flat[: len(groups)]:
        axis.tick_params(axis="x", labelbottom=True)
    return fig, list(zip(axes.flat, groups, strict=False))


def cards(items: Iterable[dict], caption: str) -> HTML:
    """Pictures of entities side by side, with their names.

    Args:
        items: one dict per card: ``entities``, a list of (picture or None, name); ``note``, a line below;
            ``right``, True or False for a green or red edge, None for a grey one.
        caption: what to see.
    """
    edge = {True: "#029e73", False: "#d55e00", None: "#999999"}  # told apart by the note as well
    body = []
    for item in items:
        faces = [
            fill(
                '<div style="width:5em;text-align:center;line-height:1.2">{face}<br>'
                '<span style="font-size:.8em;overflow-wrap:anywhere">{name}</span></div>',
                face=face(picture, name),
                name=name,
            )
            for picture, name in item["entities"]
        ]
        body.append(
            fill(
                '<div style="border:2px solid {edge};border-radius:.5em;padding:.4em">'
                '<div style="display:flex;gap:.4em">{faces}</div>'
                '<div style="font-size:.8em;text-align:center">{note}</div></div>',
                edge=edge[item.get("right")],
                faces=join(faces),
                note=item.get("note", ""),
            )
        )
    return figure_element(
        fill('<div style="display:flex;flex-wrap:wrap;gap:.6em">{cards}</div>', cards=join(body)), caption
    )


def history(table: pd.DataFrame, selection: str = "valid"):
    """Loss, frozen shares and figures on the validation pairs along the epochs: a figure with three panels.

    Args:
        table: ``Run.history``.
        selection: prefix of the columns that chose the epoch.
    """
    fig, (loss, frozen, quality) = figure(3, width=10.5)
    loss.plot(table.index, table["loss"], color=COLOURS["joint"])
    loss.set(title="Loss", xlabel="epoch")
    shares = {c.removeprefix("frozen "): table[c] for c in table if c.startswith("frozen ")}
    for modality, colour in colours(shares).items():
        frozen.plot(table.index, shares[modality], label=plain(modality), color=colour)
    frozen.set(title="Frozen share", xlabel="epoch")
    frozen.set_ylim(bottom=0)
    if shares:
        frozen.legend(frameon=False, fontsize=8)
    for metric, line in (("Hits@1", "o-"), ("MRR", "s--")):
        points = table[f"{selection} {metric}"].dropna()
        quality.plot(points.index, points, line, label=metric, markersize=4, color=COLOURS["joint"])
    quality.set(title="Validation pairs, joint", xlabel="epoch", ylim=(-0.02, 1.02))
    quality.legend(frameon=False, fontsize=8)
    return fig


def metric_bars(figures: pd.DataFrame, metric: str = "Hits@1"):
    """One metric of the joint embedding and of each modality, mean of both directions, as bars.

    Args:
        figures: what ``training.evaluate`` returns.
    """
    values = figures[metric].groupby("embedding", sort=False).mean()
    fig, axis = figure(height=2.6)
    axis.barh([plain(m) for m in values.index], values, color=list(colours(values.index).values()))
    axis.bar_label(axis.containers[0], fmt="%.2f", padding=3)
    axis.set(xlim=(0, 1), xlabel=f"{metric}, mean of both directions")
    axis.invert_yaxis()
    return fig
