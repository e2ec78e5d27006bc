"""What a run keeps of graphs of one's own, so that the same entities, triples and words can be found in them when they have changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pmf_minimal.datasets.assemble import ends_of_relations, frequent
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs.files import write_tensors

FILE = "graphs.safetensors"


def describe(graphs: GraphPair, folder: Path) -> dict:
    """Write triples and projections of features into a folder.

    Args:
        graphs: with ``words``, as ``own.from_frames`` makes them.

    Returns:
        What JSON can hold: ``uris``, ``n_left``, ``relations``, and ``columns``, modality -> the word of each column of its bag.
    """
    tensors = {"edge_index": graphs.edge_index.int(), "edge_type": graphs.edge_type.int()}
    bags = {m: bag for m, bag in bags_of(graphs).items() if m in graphs.features}
    tensors |= {f"features {m}": projection(x) for m, x in graphs.features.items() if m not in bags}
    write_tensors(folder / FILE, tensors)
    columns = {
        m: [words[i] for i in frequent(ends, graphs.features[m].shape[1]).tolist()] for m, (words, ends) in bags.items()
    }
    about = {"uris": graphs.uris, "n_left": graphs.n_left, "relations": graphs.relation_names}
    return about | {"columns": columns}


def bags_of(graphs: GraphPair) -> dict[str, tuple[list[str], np.ndarray]]:
    """Modality -> all its words, and int64 ``[A, 2]``: entity and word, of which its bag of words keeps the frequent ones."""
    bags = {m: (words, ends.cpu().numpy()) for m, (words, ends) in graphs.words.items()}
    return {"relation": (graphs.relation_names, ends_of_relations(graphs))} | bags


def projection(x: Tensor) -> Tensor:
    """float32 ``[n]`` of float ``[n, d]``: a fixed random projection of each row, to compare rows by closeness."""
    return x.cpu() @ torch.randn(x.shape[1], generator=torch.Generator().manual_seed(0))
