"""Figures: what they show is what the table says, and the table can be taken along."""

import base64
import io
import warnings

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from pmf_minimal.teaching import plots


@pytest.fixture
def table():
    index = pd.MultiIndex.from_product([["d", "e"], ["b", "a"]], names=["dataset", "variant"])
    return pd.DataFrame(
        {"mean": [0.5, 0.6, 0.2, 0.3], "low": [0.4, 0.5, 0.1, 0.2], "high": [0.7, 0.8, 0.3, 0.4]}, index=index
    )


def test_intervals_show_every_cell(table):
    fig = plots.intervals(table, reference="a")
    assert [axis.get_title(loc="left") for axis in fig.axes] == ["d", "e"]
    for axis, dataset in zip(fig.axes, ["d", "e"], strict=True):
        assert [drawn[0].get_xdata()[0] for drawn in axis.containers] == table.loc[dataset, "mean"].tolist()
        bars = [drawn[2][0] for drawn in axis.containers]
        ends = [[segment[0][0], segment[1][0]] for bar in bars for segment in bar.get_segments()]
        assert pytest.approx(ends[0]) == table.loc[(dataset, "b"), ["low", "high"]].tolist()
        assert axis.get_yticks().tolist() == [0, 1]
        bottom, top = axis.get_ylim()
        assert bottom > top  # the first variant is above
        dashed = [line for line in axis.lines if line.get_linestyle() == "--"]
        assert dashed[0].get_xdata()[0] == table.loc[(dataset, "a"), "mean"]
    assert fig.axes[0].get_xlim() == fig.axes[1].get_xlim()
    # the panels of a row share their labels
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["b", "a"]
    plt.close(fig)


def test_a_panel_without_a_variant_leaves_its_place_empty(table):
    fig = plots.intervals(table.drop(("e", "a")))
    first, second = (drawn[0].get_xdata()[0] for drawn in fig.axes[1].containers)
    assert fig.axes[1].get_yticks().tolist() == [0, 1]
    assert first == 0.2 and pd.isna(second)
    plt.close(fig)


def test_intervals_have_marks_of_their_own(table):
    marks = pd.Series({("d", "a"): ("#ff0000", "X")})
    marks.index = pd.MultiIndex.from_tuples(marks.index)
    fig = plots.intervals(table.loc[["d"]], marks=marks)
    drawn = {to_hex(bars[0].get_color()): bars[0].get_marker() for bars in fig.axes[0].containers}
    assert drawn == {"#ff0000": "X", "#444444": "o"}
    plt.close(fig)


@pytest.mark.parametrize("series", ["image", "PMF (paper)"])
def test_a_line_has_the_colour_of_the_book(series):
    index = pd.MultiIndex.from_tuples([("d", "s", 1), ("d", series, 1)], names=["dataset", "series", "δ"])
    fig = plots.bands(pd.DataFrame({"mean": [0.3, 0.1], "low": 0.0, "high": 1.0}, index=index))
    assert to_hex(fig.axes[0].lines[1].get_color()) == to_hex((plots.COLOURS | plots.VARIANTS)[series])
    plt.close(fig)


def test_bands_go_along_the_setting():
    index = pd.MultiIndex.from_tuples([("d", "s", 3), ("d", "s", 1), ("d", "t", 1)], names=["dataset", "series", "δ"])
    fig = plots.bands(pd.DataFrame({"mean": [0.3, 0.1, 0.5], "low": 0.0, "high": 1.0}, index=index))
    (axis,) = fig.axes
    assert axis.get_xlabel() == "δ"
    assert [line.get_xdata().tolist() for line in axis.lines] == [[1, 3], [1]]
    assert axis.lines[0].get_ydata().tolist() == [0.1, 0.3]
    assert len({line.get_linestyle() for line in axis.lines}) == 2  # told apart without colours
    plt.close(fig)


def test_the_numbers_of_a_figure_can_be_downloaded(table):
    fig, _ = plots.figure()
    page = BeautifulSoup(plots.show(fig, alt='a "b"', caption="c", data=table).data, "html.parser")
    assert page.img["alt"] == 'a "b"'
    link = page.find("a", download=True)
    content = base64.b64decode(link["href"].partition("base64,")[2])
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content), index_col=[0, 1]), table)
    fig, _ = plots.figure()
    assert "<a" not in plots.show(fig, alt="a", caption="c").data


def test_modalities_of_your_own_have_a_colour():
    own = ["structure", "price", "image", "sound $x_$", "smell", "taste"]
    colours = plots.colours(own)
    assert list(colours) == own and len(set(colours.values())) == 5  # the palette leaves three for others
    assert colours["image"] == plots.COLOURS["image"] and colours["price"] not in plots.COLOURS.values()
    values = {f"frozen {m}": [0.1, 0.2] for m in own}
    history = pd.DataFrame(values | {"loss": [2, 1], "valid Hits@1": [0.1, 0.2], "valid MRR": [0.1, 0.2]})
    figure = plots.history(history)
    assert [line.get_label() for line in figure.axes[1].lines][:2] == ["structure", "price"]
    figure.canvas.draw()  # "$x_$" is no formula
    plt.close(figure)
    index = pd.MultiIndex.from_product([own, ["left to right"]], names=["embedding", "direction"])
    figure = plots.metric_bars(pd.DataFrame({"Hits@1": 0.5}, index))
    figure.canvas.draw()
    assert [patch.get_facecolor()[:3] for patch in figure.axes[0].patches] == list(colours.values())
    plt.close(figure)


def test_a_history_without_freezing_has_no_legend():
    history = pd.DataFrame({"loss": [2, 1], "valid Hits@1": [0.1, 0.2], "valid MRR": [0.1, 0.2]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plt.close(plots.history(history))


def test_names_on_cards_are_text():
    name = "<script>x</script>"
    page = plots.cards([{"entities": [(None, name)], "note": name}], caption=name).data
    assert "<script" not in page and page.count("&lt;script&gt;") == 3
