import ast
import inspect
from dataclasses import FrozenInstanceError, fields

import pytest

from pmf_minimal import config as configuration
from pmf_minimal.config import CHOICES, PRESETS, PMFConfig

# Fields whose answer in the released code leaks who is in the test set, or what is right there (rows 4 and 16).
HONEST = {"candidates_in_scoring": "all", "selection": "valid"}


@pytest.mark.parametrize("name", PRESETS)
def test_json_and_back(name):
    config = PRESETS[name]
    assert PMFConfig.from_json(config.to_json()) == config
    changed = config.replace(modalities=("image",), seed=7)
    assert PMFConfig.from_json(changed.to_json()) == changed != config


@pytest.mark.parametrize("name", PRESETS)
def test_leaks_are_off_but_in_released(name):
    assert all((getattr(PRESETS[name], field) == value) != (name == "released") for field, value in HONEST.items())


def test_paper_is_the_paper():
    """Section 4.1 and appendix A.4."""
    paper = PRESETS["paper"]
    assert (paper.dim, paper.temperature, paper.batch_size, paper.epochs, paper.warmup) == (300, 0.05, 3500, 250, 0.15)
    assert (paper.threshold_start, paper.threshold_factor, paper.threshold_max) == (0.1, 1.2, 0.9)
    assert [paper.beta[m] for m in ("structure", "relation", "attribute", "image")] == [0.1, 0.1, 0.1, 10]
    assert (paper.fusion, paper.freezing, paper.symmetric, paper.similarity) == (
        "weights",
        "gradient",
        "joint",
        "cosine",
    )


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        PRESETS["paper"].dim = 3
    assert PRESETS["paper"].replace(dim=3).dim == 3 and PRESETS["paper"].dim == 300


def test_but_with_a_misspelt_field():
    with pytest.raises(ValueError, match="no such field of the configuration: dims, learning_rate"):
        PRESETS["paper"].replace(learning_rate=1, dims=3)


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name):
    for value in CHOICES[name]:
        assert getattr(PRESETS["paper"].replace(**{name: value}), name) == value
    with pytest.raises(ValueError, match=f"{name}='nonsense': choose one of {next(iter(CHOICES[name]))}"):
        PRESETS["paper"].replace(**{name: "nonsense"})


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", "abc"), ("epochs", "many"), ("dim", 1.5), ("thaw", "perhaps"), ("thaw", 1), ("dim", True), ("seed", None),
        ("lr", NAN), ("lr", INF), ("lr", -1), ("lr", 1e10), ("temperature", NAN), ("temperature", 0.0), ("temperature", 10**30), ("temperature", 1e39), ("clip", NAN), ("clip", 0.0),
        ("weight_decay", NAN), ("weight_decay", -1e-3), ("weight_decay", 1e30), ("warmup", NAN), ("warmup", 1.5), ("threshold_start", INF),
        ("dim", 0), ("dim", 10**20), ("batch_size", 0), ("accumulation", 0), ("evaluate_every", 0), ("patience", 0),
        ("fanout", -1), ("fanout", 99_999_999_999), ("epochs", 10**12), ("seed", -1), ("seed", 10**20), ("csls_k", 0),
        ("train_share", "abc"), ("train_share", INF), ("valid_share", 2.0), ("model", 5), ("threshold_grows", 5),
        ("modalities", 5), ("modalities", None), ("modalities", ()), ("modalities", (("a",),)), ("modalities", "image"),
        ("modalities", ("image", "image")), ("modalities", ("picture",)),
        ("beta", 5), ("beta", {}), ("beta", {"structure": NAN}), ("beta", {"structure": -1.0}), ("fusion", ["keep"]),
        ("lr", 10**400), ("epochs", 10**400), ("seed", 10**400), ("beta", {"structure": 10**400}),
    ],
)  # fmt: skip
def test_values_that_a_field_does_not_have(name, value):
    """One sentence that begins with the field, before any work is done."""
    with pytest.raises(ValueError, match=f"^({name}|modalities)=") as caught:
        PRESETS["paper"].replace(**{name: value})
    assert "\n" not in str(caught.value)


def test_every_field_is_documented():
    """By a comment that Sphinx shows: above it, or where it stands."""
    source = inspect.getsource(configuration)
    lines, found = ["", *source.splitlines()], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign):
            own, above = lines[node.lineno : node.end_lineno + 1], lines[node.lineno - 1].strip()
            if above.startswith("#:") or any("#: " in line for line in own):
                found.add(node.target.id)
    assert {field.name for field in fields(PMFConfig)} <= found
