"""What `make bench` measured, as the book shows it, and the arithmetic around it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

STORED = Path(__file__).parent / "stored" / "speed.json"


def read() -> dict:
    """The stored measurements: ``machine``, ``operations``, ``epochs``, ``growth``, ``processes``, ``large``."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def own_growth() -> pd.DataFrame:
    """The stored measurements of ``align`` on synthetic worlds: a row for each number of entities."""
    return pd.read_csv(STORED.with_name("own_growth.csv"))


def ratios(results: dict) -> pd.DataFrame:
    """Each operation's other forms beside ours: index (group, kind), columns ``cpu seconds``, ``times ours`` and others measured."""
    table = pd.DataFrame(results["operations"])
    own = table.groupby("group")["cpu seconds"].transform("first")  # ours stands first in its group
    table.insert(3, "times ours", table["cpu seconds"] / own)
    return table.set_index(["group", "kind"])


def exponent(x, y) -> float:
    """b of the line through log y = a + b log x: 1 if y grows like x, 2 if like its square."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(results: dict) -> pd.DataFrame:
    """Exponents of memory and time over the number of entities: a row for each operation, with the largest sizes' figures."""
    rows = {}
    for name, part in pd.DataFrame(results["growth"]).groupby("operation", sort=False):
        part = part.sort_values("entities a side")
        last = part.iloc[-1]
        rows[name] = {
            "memory grows with N to the": exponent(part["entities a side"], part["bytes"]),
            # small graphs cost what does not grow
            "time, from 4,000 on, with N to the": exponent(
                *part[part["entities a side"] >= 4000][["entities a side", "cpu seconds"]].to_numpy().T
            ),
            "largest N": int(last["entities a side"]),
            "its MB": last["bytes"] / 1e6,
            "its cpu seconds": last["cpu seconds"],
        }
    return pd.DataFrame(rows).T


def roofline(operations: float, moved: float, flops: float, bandwidth: float) -> float:
    """Shortest possible time of a computation, in seconds: it must calculate, and move its data through memory.

    Source: Williams, Waterman and Patterson, Roofline (2009).

    Args:
        operations: additions and multiplications.
        moved: bytes read and written.
        flops: operations per second that the machine can do.
        bandwidth: bytes per second that its memory can move.
    """
    return max(operations / flops, moved / bandwidth)
