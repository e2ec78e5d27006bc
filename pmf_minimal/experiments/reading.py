"""How a card is read: a plain YAML file, and the form that it has to have.

A card can come from anywhere. So the YAML is the simple core of version 1.2: text, numbers, true, false, null, lists and mappings.
There are no aliases, which can stand for more than fits into memory, no tags, no dates, and no key stands twice.
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError

with extra("experiments"):
    import jsonschema
    import yaml
    from yaml.constructor import ConstructorError

LARGEST = 1_000_000  # bytes; the book's cards have 25,000
DEEPEST = 20  # lists and mappings within each other
MOST_SEEDS = 1000

_NAME = {"type": "string", "minLength": 1}
_NAMES = {"type": "array", "items": _NAME, "uniqueItems": True}
_SETTINGS = {"type": "object"}
_SIDE = {"type": ["string", "number"]}
_GIVEN = {"type": "object", "required": ["more", "less"], "additionalProperties": False}
_GIVEN |= {"properties": {"more": _SIDE, "less": _SIDE}}
_LARGER = {
    "required": ["more", "less"],
    "additionalProperties": False,
    "properties": {"more": _SIDE, "less": _SIDE, "given": _GIVEN, "datasets": _NAMES},
}
_EQUAL = {
    "required": ["same"],
    "additionalProperties": False,
    "properties": {
        "same": {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
        "within": {"type": "number", "exclusiveMinimum": 0},
        "datasets": _NAMES,
    },
}
_CLAIM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["claim", "says", "rule"],
    "properties": {
        "claim": {"type": "integer", "minimum": 0, "maximum": 11},
        "says": {"type": "string"},
        "paper": {"type": "string"},
        "rule": {"type": "array", "minItems": 1, "items": {"type": "object", "oneOf": [_LARGER, _EQUAL]}},
    },
}
_READING = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {field: {} for field in ("candidates", "csls_k", "csls_rounds", "matching", "similarity")},
}
_TUNING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["lr", "datasets", "seeds"],
    "properties": {
        "lr": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 4, "uniqueItems": True},
        "datasets": _NAMES | {"minItems": 1},
        "seeds": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
    },
}
_DECLARED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["commit", "date"],
    "properties": {
        "commit": {"type": "string", "pattern": "^[0-9a-f]{7,40}$"},
        "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "note": {"type": "string"},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "question", "chapter", "preset", "settings", "datasets", "seeds", "variants", "claims"],
    "properties": {
        "title": {"type": "string"},
        "question": {"type": "string"},
        "chapter": {"type": "string"},
        "preset": {"enum": list(PRESETS)},
        "settings": _SETTINGS,
        "datasets": _NAMES | {"minItems": 1},
        "more_datasets": _NAMES,
        "splits": {"type": "object", "additionalProperties": {"type": "string", "pattern": r"^[\w][\w.-]*\.csv$"}},
        "seeds": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
        "variants": {"type": "object", "additionalProperties": _SETTINGS, "minProperties": 1},
        "readings": {"type": "object", "additionalProperties": _READING},
        "tuning": _TUNING,
        "reading": {"enum": ["paper", "released"]},
        "declared": _DECLARED,
        "measure": _NAME,
        "history": _NAMES,
        "claims": {"type": "array", "items": _CLAIM},
        "results": {"type": "object"},
    },
    # A verdict needs repeats.
    "if": {"properties": {"claims": {"minItems": 1}}},
    "then": {"properties": {"seeds": {"minimum": 3}}},
}


_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The core of YAML 1.2, with no key twice."""

    yaml_implicit_resolvers: dict = {}  # PyYAML's own take `off` for False and 2024-01-01 for a date

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise ConstructorError(None, None, "a key has to be text; put it in quotes", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"the key {key.value!r} stands here twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=True)

    def construct_number(self, node):
        kind = float if node.tag.endswith("float") else int
        try:
            return kind(node.value)
        except ValueError as error:  # thousands of digits
            raise ConstructorError(None, None, f"not a number: {error}", node.start_mark) from None


def _check_events(text: str) -> None:
    """Refuse aliases, tags and depth before anything is built of them; ConstructorError says where."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if getattr(event, "anchor", None):
            problem = "aliases (& and *) are not allowed; write it out"
        elif getattr(event, "tag", None):
            problem = "tags (!) are not allowed; leave them out"
        elif depth > DEEPEST:
            problem = f"more than {DEEPEST} levels of lists and mappings"
        else:
            continue
        raise ConstructorError(None, None, problem, event.start_mark)


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)


def read_file(path: Path) -> dict:
    """A card's file, checked against :data:`SCHEMA`.

    Raises:
        DataError: it cannot be read, is no plain YAML, or has another form; the message names the file and the place.
    """
    try:
        if not os.path.isfile(path) or path.stat().st_size > LARGEST:
            raise DataError(f"{path}: a card is a file of at most {LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
        _check_events(text)
        content = yaml.load(text, _Loader)
        error = jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(content))
        if error is not None:
            raise error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it in that encoding") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise DataError(f"{path}: {line}not plain YAML: {_short(error.problem)}") from None
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not plain YAML: {_short(error)}") from None
    except jsonschema.ValidationError as error:
        place = " > ".join(map(str, error.absolute_path)) or "the card"
        raise DataError(f"{path}: {_short(place)}: {_short(error.message)}") from None
    return content | {"seeds": int(content["seeds"])}  # 5.0 is a whole number for JSON


def _short(words: object) -> str:
    return textwrap.shorten(str(words), 300, placeholder=" …")
