"""Tables that a caller made in memory, checked and brought into one form; whatever is not what it seems is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pmf_minimal.errors import BadFeatures, DataError, DuplicateId, MalformedLine
from pmf_minimal.own.tables import Tables

#: Characters of an id, or of what a relation is called. No server takes longer IRIs.
MAX_ID = 2**13


def clean(tables: Tables, where: str) -> Tables:
    """The same graph: ids, names and attributes are strings, columns stand in their order, missing names are left out.

    Args:
        where: what messages call this graph.

    Raises:
        MalformedLine: a table has too few columns, columns that are called otherwise, an empty cell, an id that is too
            long, or is no table at all.
        DuplicateId: an entity has two names, images or rows of features. BadFeatures: features are no table of numbers.
    """
    attributes = pd.DataFrame(columns=["entity", "attribute", "value"], dtype=object)
    if tables.attributes is not None:
        attributes = _strings(tables.attributes, ("entity", "attribute"), f"{where}, attributes")
        attributes["value"] = _values(tables.attributes)
    return replace(
        tables,
        triples=_strings(tables.triples, ("head", "relation", "tail"), f"{where}, triples"),
        attributes=attributes,
        names={e: str(name) for e, name in _mapping(tables.names, "name", f"{where}, names").items()},
        labels={
            str(language): {e: str(name) for e, name in _mapping(labels, "name", f"{where}, labels").items()}
            for language, labels in (tables.labels or {}).items()
        },
        images=_mapping(tables.images, "path", f"{where}, images"),
        features={m: _numbers(table, f"{where}, {m}") for m, table in (tables.features or {}).items()},
        notes=list(tables.notes or ()),
        files=dict(tables.files or {}),
    )


def column_order(table: pd.DataFrame, columns: tuple[str, ...], where: str) -> list[int]:
    """Numbers of the columns: by their names where all have one, else as they stand.

    Raises:
        MalformedLine: too few columns, or one that is called like another of those that are asked for.
    """
    if not isinstance(table, pd.DataFrame):
        raise MalformedLine(f"{where}: a {type(table).__name__}; give a table (DataFrame) of {', '.join(columns)}")
    names = [str(name).strip().casefold() for name in table.columns]
    if {*columns} <= {*names}:
        return [names.index(column) for column in columns]
    if len(names) < len(columns):
        raise MalformedLine(f"{where}: {len(names)} columns; give {', '.join(columns)}")
    if any(name in columns and name != column for name, column in zip(names, columns, strict=False)):
        called = ", ".join(names[: len(columns)])
        raise MalformedLine(f"{where}: the columns are called {called[:80]}; call them {', '.join(columns)}")
    return list(range(len(columns)))


def missing(value) -> bool:
    """None, NaN, and text without letters."""
    return not value.strip() if isinstance(value, str) else bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _strings(table: pd.DataFrame, columns: tuple[str, ...], where: str) -> pd.DataFrame:
    order = column_order(table, columns, where)
    cells = table.iloc[:, order].astype(object).set_axis(columns, axis=1)
    bad = cells.isna()
    cells = cells.map(str)
    bad |= (cells == "") | cells.map(str.isspace)
    if bad.to_numpy().any():
        row = int(bad.any(axis=1).to_numpy().argmax())
        raise MalformedLine(f"{where}: row {row} has an empty cell; fill it or drop the row")
    for column in columns:
        _check_lengths(cells[column], f"{where}, {column}")
    return cells


def _check_lengths(ids: Iterable[str], where: str) -> None:
    """MalformedLine names the first id that is too long: one that every message and table would have to hold."""
    for k, word in enumerate(ids):
        if len(word) > MAX_ID:
            raise MalformedLine(
                f"{where}: row {k}, {word[:40]!r}…, has {len(word):,} characters; give an id of at most {MAX_ID:,}"
            )


def _values(attributes: pd.DataFrame) -> list[str]:
    """The column called value, else the third one; without any, and where nothing is in a cell, empty text."""
    names = [str(name).strip().casefold() for name in attributes.columns]
    if "value" not in names and len(names) < 3:
        return [""] * len(attributes)
    cells = attributes.iloc[:, names.index("value") if "value" in names else 2]
    return ["" if missing(cell) else str(cell) for cell in cells]


def _mapping(values, what: str, where: str) -> dict[str, object]:
    """Entity -> value from a dict, a Series or a table, without those whose value is missing."""
    if values is None:
        return {}
    if isinstance(values, pd.DataFrame):
        order = column_order(values, ("entity", what), where)
        items = values.iloc[:, order].itertuples(index=False, name=None)
    elif isinstance(values, pd.Series | Mapping):
        items = values.items()
    else:
        raise MalformedLine(
            f"{where}: a {type(values).__name__}; give a dict, a Series or a table of entity and {what}"
        )
    found = {}
    for entity, value in items:
        if missing(value):
            continue
        if missing(entity):
            raise MalformedLine(f"{where}: {str(value)[:60]!r} belongs to no entity; name it or drop the row")
        if str(entity) in found:
            raise DuplicateId(f"{where}: {entity} for the second time; drop one of the two")
        found[str(entity)] = value
    _check_lengths(found, where)
    return found


def _numbers(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """float32 with strings as index."""
    if not isinstance(table, pd.DataFrame):
        raise BadFeatures(f"{where}: a {type(table).__name__}; give a table (DataFrame) with the entities as index")
    if any(missing(e) for e in table.index):
        raise BadFeatures(f"{where}: a row without an entity; name it or drop the row")
    index = [str(e) for e in table.index]
    _check_lengths(index, where)
    again = pd.Index(index).duplicated()
    if again.any():
        raise DuplicateId(f"{where}: {index[int(again.argmax())]} twice; keep one row of it")
    try:
        with np.errstate(over="ignore"):  # becomes infinity, which is refused
            x = table.to_numpy(np.float32)
    except (TypeError, ValueError):
        raise BadFeatures(f"{where}: something else than numbers; give numbers only") from None
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise BadFeatures(f"{where}: row {int(bad.argmax())} holds NaN or infinity; drop it or compute it again")
    return pd.DataFrame(x, index=index)


def pairs_of(pairs, where: str) -> list[tuple[str, str, str]]:
    """Left entity, right entity and place of each known pair, whatever form a caller gave them in.

    Raises:
        DataError: they are neither a table nor pairs. MalformedLine: a pair has an empty part.
    """
    if isinstance(pairs, pd.DataFrame):
        places = pairs.index if pairs.index.name == "place" else None  # as read_pairs gives them
        rows = list(pairs.iloc[:, column_order(pairs, ("left", "right"), where)].itertuples(index=False, name=None))
    elif isinstance(pairs, str | Mapping):
        raise DataError(f"{where}: a {type(pairs).__name__}; give a table of left and right, or a list of pairs")
    else:
        places, rows = None, list(pairs)
    found = []
    for k, row in enumerate(rows):
        place = f"{where}, row {k}" if places is None else places[k]
        if isinstance(row, str) or not hasattr(row, "__len__") or len(row) < 2:
            raise DataError(f"{place}: {str(row)[:60]!r} is no pair; give two entities, left and right")
        if missing(row[0]) or missing(row[1]):
            raise MalformedLine(f"{place}: an empty part; fill it or drop the pair")
        found.append((str(row[0]), str(row[1]), place))
    return found
