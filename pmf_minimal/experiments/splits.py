"""A split that comes as a file: which known pairs are for training, and which for testing."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import torch

from pmf_minimal.datasets.files import because, open_regular
from pmf_minimal.errors import DataError, EmptyFile, MalformedLine, UnknownId
from pmf_minimal.graphs import GraphPair

COLUMNS = ("left", "right", "split")


def shipped_split(graphs: GraphPair, file: Path, seed: int, valid_share: float) -> GraphPair:
    """The graphs with the split of a file; a share of its training pairs becomes validation pairs.

    Args:
        graphs: the pair.
        file: CSV with the columns left, right (ids of the data set) and split (``train`` or ``test``).
        seed: random seed, which decides on the validation pairs.
        valid_share: share of the training pairs that is kept for validation.

    Returns:
        A shallow copy with ``train``, ``valid`` and ``test``, int64 ``[*, 2]``.

    Raises:
        DataError: the file is not there, has another form, or names ids that the graphs do not have.
    """
    table, row = _read(file), {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    pairs = []
    for line, (left, right) in enumerate(zip(table["left"], table["right"], strict=True), 2):
        pair = row.get(left, -1), row.get(right, -1)
        if not (0 <= pair[0] < graphs.n_left <= pair[1]):
            raise UnknownId(f"{file}:{line}: {left}, {right} is no pair of entities of {graphs.name}; is it its split?")
        pairs.append(pair)
    pairs, test = torch.tensor(pairs), torch.tensor((table["split"] == "test").tolist(), dtype=torch.bool)
    train = pairs[~test]
    if not len(train) or not test.any():
        raise EmptyFile(
            f"{file}: it needs pairs for training and for testing, and has {len(train)} and {int(test.sum())}"
        )
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    valid, rest = train[order].tensor_split([round(valid_share * len(train))])
    return graphs.with_split(rest, valid, pairs[test])


def _read(file: Path) -> pd.DataFrame:
    try:
        with open_regular(file, fix="put the split there") as (opened, size):
            table = pd.read_csv(io.BytesIO(opened.read(size)))
    except DataError:
        raise
    except (OSError, ValueError) as error:  # pandas' own errors and those of the encoding are ValueErrors
        raise MalformedLine(f"{file}: not a table of {', '.join(COLUMNS)} ({because(error)}); mend it") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the fields that are too many for an index
        raise MalformedLine(f"{file}: its rows have more fields than columns; put fields with commas into quotes")
    if not set(COLUMNS) <= set(table):
        raise MalformedLine(f"{file}:1: the columns have to be {', '.join(COLUMNS)}")
    wrong = ~table["split"].isin(["train", "test"])
    if wrong.any():
        raise MalformedLine(
            f"{file}:{wrong.idxmax() + 2}: {table['split'][wrong.idxmax()]!r} is neither train nor test"
        )
    return table
