"""The drawings of the chapters show the numbers that they are given, and say so to those who do not see them."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from bookfiles import ROOT

from pmf_minimal import load
from pmf_minimal.graphs import GraphPair
from pmf_minimal.teaching import journey, look, toys, yardstick

ROUNDS = [[[0.9, 0.1], [0.2, 0.3]], [[0.4, 0.6], [0.7, 0.1]], [[0.9, 0.1], [0.2, 0.3]], [[0.9, 0.1], [0.2, 0.3]]]


def parsed(html):
    """The SVG of a figure, and its caption."""
    figure = ET.fromstring(html.data)
    return figure.find("svg"), figure.find("figcaption").text


DRAWN = {
    "attention": toys.attention(torch.eye(6) + torch.ones(6, 6), list("abcdef"), "see"),
    "arrows": toys.arrows(torch.eye(2), -torch.eye(2), ["a", "b"], ["c", "d"], "see"),
    "frozen": toys.frozen_seeks_frozen("see"),
    "circle": toys.circle({"L0": 0, "L1": 65, "R0": 40, "R1": 110}, "see"),
    "probation": toys.probation(ROUNDS, 2, "see"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_all_are_readable_on_a_phone_and_in_the_dark(name):
    svg, caption = parsed(DRAWN[name])
    assert caption == "see" and len(svg.get("aria-label")) > 40
    width, height = map(float, svg.get("viewBox").split()[2:])
    assert width <= 370 and float(svg.get("font-size")) >= 13
    for text in svg.iter("text"):
        assert text.get("fill") in ("currentColor", "#fff") and 0 < float(text.get("y")) < height


def test_arrows_are_as_thick_as_the_weights():
    alpha = torch.zeros(6, 6)
    alpha[0, 2], alpha[1, 2] = 0.75, 0.25
    svg, _ = parsed(toys.attention(alpha, list("abcdef"), ""))
    thick, thin = (float(path.get("stroke-width")) for path in svg.iter("path") if path.get("stroke-width"))
    assert thick == pytest.approx(3 * thin) and "leads from c to a" in svg.get("aria-label")


def test_directions():
    label = parsed(toys.arrows(torch.tensor([[3.0, 3]]), torch.tensor([[0.0, -2]]), ["a"], ["b"], ""))[0].get(
        "aria-label"
    )
    assert "a at 45 degrees" in label and "b at -90 degrees" in label


def test_who_takes_whom_on_the_circle():
    label = parsed(DRAWN["circle"])[0].get("aria-label")
    assert "L1 at 65 degrees takes R0, wrongly" in label and "R1 at 110 degrees takes L1;" not in label
    assert "L0 at 0 degrees takes R0;" in label


def test_counters_are_set_back_and_end_with_the_seed():
    assert toys.counters(ROUNDS, 2) == {
        (0, 0): [1, 0, 1, 2],
        (0, 1): [0, 1, 0, 0],
        (1, 0): [0, 1, 0, 0],
        (1, 1): [1, 0, 1, 2],
    }
    assert toys.counters(ROUNDS, 1)[0, 0] == [1, None, None, None]
    svg, _ = parsed(DRAWN["probation"])
    shown = [text.text for text in svg.iter("text")]
    assert shown.count("★") == 2 and shown.count("1") == 6


def test_the_journey_lights_one_chapter_or_none():
    whole, lit = journey.svg(), journey.svg("04_freezing")
    assert whole.count('opacity="1"') > lit.count('opacity="1"') and "0.45" not in whole
    assert lit.count('opacity="0.45"') == len(journey.BOXES) - 1 and "<a " not in lit
    assert set(re.findall(r"\d \w+(?=</text>)", whole)) == {journey.label(chapter) for chapter in journey.BOXES}


def test_the_yardstick_uses_nothing_of_pmf():
    for scale in ("smoke", "quick", "full"):
        config = yardstick.book(scale)
        assert (config.scoring, config.freezing, config.fusion, config.cross_modality) == ("off", "off", "none", "off")
    assert yardstick.book("quick") == yardstick.BOOK


def test_the_chapters_say_what_the_yardstick_is():
    """Chapter 2 states it once, in the numbers of the configuration."""
    text = (ROOT / "notebooks" / "02_encoders.ipynb").read_text(encoding="utf-8")
    assert f"{yardstick.BOOK.dim} numbers wide" in text and f"{yardstick.BOOK.epochs} epochs at a" in text
    assert f"rate of {str(yardstick.BOOK.lr)[1:]}." in text


def test_what_chapters_share():
    graphs = GraphPair()
    graphs.num_nodes, graphs.n_left, graphs.pairs = 4, 2, torch.tensor([[0, 3]])
    assert look.counterparts(graphs).tolist() == [3, -1, -1, 0]
    assert look.chance_higher(torch.tensor([3.0, 1]), torch.tensor([2.0, 1])) == 5 / 8
    assert look.hits_at_1(torch.tensor([[0.9, 0.1], [0.8, 0.7]])) == 0.75


def test_a_face_without_a_picture_has_a_name():
    graphs = load("emoji/ja_en")
    face = look.faces(graphs)
    row = int((~graphs.mask("image")).nonzero()[0])
    assert face(row) == (None, graphs.entity_names[row])
    assert face(int(graphs.mask("image").nonzero()[0]))[0].size == (64, 64)
