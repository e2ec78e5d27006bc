"""Graphs in one table: triples, or records, which are one entity a row."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.files import because
from pmf_minimal.errors import DamagedFile, DataError, DuplicateId, EmptyFile, MalformedLine
from pmf_minimal.own.tables import Tables, headings, separator, table_rows

#: What the column of ids is called; else it is the first one.
IDS = ("id", "uri", "iri", "entity", "identifier", "key")
ENDINGS = (".csv", ".tsv", ".parquet")
#: Cells, and bytes of their texts, for each byte of a Parquet file. Below so many bytes a file is taken to have so many.
MOST_CELLS, MOST_BYTES, SMALL = 8, 100, 2**20


def read(path: Path) -> Tables:
    """One graph from a table, CSV or TSV, or Parquet.

    A table whose columns are called head, relation and tail, or as others call them (subject, predicate, object; source, target), is one of
    triples. Any other holds records: an entity in each row, its id in the column that is called so, else in the first one, and
    attributes in the others; an empty cell says nothing.

    Raises:
        DataError: MissingFile, EmptyFile, NotUTF8, MalformedLine; DuplicateId: two records have one id; DamagedFile: no Parquet.
    """
    table, places = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path)
    if not table.size:
        raise EmptyFile(f"{path}: no row below the first line; is this the right file?")
    found = headings(list(table.columns))
    if {"head", "tail"} <= found.keys() and not {*IDS} & {str(name).strip().casefold() for name in table.columns}:
        return _triples(table, found, path)
    return _records(table, places, path)


def _triples(table: pd.DataFrame, found: dict[str, int], path: Path) -> Tables:
    relation = table.iloc[:, found["relation"]] if "relation" in found else pd.Series("linked", index=table.index)
    triples = pd.DataFrame(
        {"head": table.iloc[:, found["head"]], "relation": relation, "tail": table.iloc[:, found["tail"]]}
    )
    if (triples == "").any(axis=None):
        row = int((triples == "").any(axis=1).to_numpy().argmax())
        raise MalformedLine(f"{path}: row {row + 1} has an empty field; fill it or drop the row")
    return Tables(triples.drop_duplicates())


def _records(table: pd.DataFrame, places: list[int], path: Path) -> Tables:
    folded = [str(name).strip().casefold() for name in table.columns]
    column = next((folded.index(name) for name in IDS if name in folded), 0)
    ids = table.iloc[:, column]
    if (ids == "").any():
        raise MalformedLine(
            f"{path}:{places[int((ids == '').to_numpy().argmax())]}: a record without an id; give it one"
        )
    again = lines.repeated(ids)
    if again is not None:
        raise DuplicateId(
            f"{path}:{places[again]}: the id {ids.iloc[again]} for the second time; give each record an id of its own, in a "
            "column called id"
        )
    rest = [k for k in range(len(folded)) if k != column]
    if not rest:
        raise MalformedLine(
            f"{path}:1: one column, {folded[0][:80]!r}; give attributes too, with a comma or (in .tsv) a tab between"
        )
    # Record by record; empty cells stay out.
    attributes = pd.DataFrame(
        {
            "entity": np.repeat(ids.to_numpy(object), len(rest)),
            "attribute": np.tile(np.array([str(table.columns[k]) for k in rest], object), len(ids)),
            "value": table.iloc[:, rest].to_numpy(object).ravel(),
        }
    )
    attributes = attributes[attributes["value"] != ""]
    empty = ids[~ids.isin(attributes["entity"])]
    notes = [f"{path}: {len(empty)} records have an id and nothing else, and are left out"] if len(empty) else []
    return Tables(pd.DataFrame(columns=["head", "relation", "tail"], dtype=object), attributes, notes=notes)


def _text(path: Path) -> tuple[pd.DataFrame, list[int]]:
    content = lines.decode(lines.content(path), path)
    rows = list(table_rows(content, path, separator(path, content)))
    first = rows[0][1]
    _distinct(first, f"{path}:{rows[0][0]}")
    cells = np.array([row for _, row in rows[1:]], object).reshape(-1, len(first))
    return pd.DataFrame(cells, columns=pd.Index(first, dtype=object)), [number for number, _ in rows[1:]]


def _distinct(columns: list[str], place: str) -> None:
    """MalformedLine if two columns have one name."""
    again = lines.repeated(name.casefold() if name.casefold() in IDS else name for name in columns)
    if again is not None:
        raise MalformedLine(f"{place}: two columns are called {columns[again][:80]!r}; rename one of them")


def _parquet(path: Path) -> tuple[pd.DataFrame, list[int]]:
    data = lines.content(path)
    try:
        from pyarrow import compute, parquet, types
    except ImportError:
        raise DataError(
            f'{path}: reading Parquet needs the package pyarrow; pip install "pmf-minimal[parquet]"'
        ) from None
    try:
        facts, schema = parquet.read_metadata(io.BytesIO(data)), parquet.read_schema(io.BytesIO(data))
        _distinct(schema.names, str(path))
        odd = next((f for f in schema if types.is_nested(f.type) or types.is_binary(f.type)), None)
        if odd is not None:
            raise MalformedLine(
                f"{path}: the column {odd.name[:80]!r} is of {odd.type}; give one text or number a cell"
            )
        bytes_ = sum(facts.row_group(k).total_byte_size for k in range(facts.num_row_groups))
        _check_growth(path, len(data), facts.num_rows * facts.num_columns, bytes_)
        # Of texts the distinct ones, so that a long one which is repeated takes its memory once; no index that pandas made.
        texts = [facts.schema.column(k) for k in range(facts.num_columns)]
        texts = [column.name for column in texts if column.physical_type == "BYTE_ARRAY"]
        read = parquet.ParquetFile(io.BytesIO(data), read_dictionary=texts).read()
        chunks = [chunk for column in read.columns for chunk in column.chunks if types.is_dictionary(chunk.type)]
        lengths = [compute.sum(compute.binary_length(c.dictionary).take(c.indices)).as_py() or 0 for c in chunks]
        _check_growth(path, len(data), 0, sum(lengths))
        table = read.to_pandas(ignore_metadata=True)
    except DataError:
        raise
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        raise DamagedFile(f"{path}: not a Parquet file ({because(error)}); write it again") from None
    table = table[[name for name in table if not str(name).startswith("__index_level_")]]
    cells = table.astype(object).map(lambda x: "" if x is None or x is pd.NA or x != x else str(x).strip())
    return cells, list(range(1, len(cells) + 1))


def _check_growth(path: Path, size: int, cells: int, unpacked: int) -> None:
    """Refuse a packed table that says far more than its bytes; a DamagedFile."""
    size = max(size, SMALL)
    if cells > MOST_CELLS * size or unpacked > MOST_BYTES * size:
        raise DamagedFile(f"{path}: unpacks to far more than its {size:,} bytes, which no table does; write it as .csv")
