"""Several processes, on one machine or many, that train one model: PyTorch's ``torchrun`` starts them.

    torchrun --nproc-per-node 2 -m pmf_minimal train emoji/fr_en --set accumulation=2 --set batch_size=100

They share out the batches whose gradients make one step (``accumulation``). So their number changes the time that a run takes,
not what comes out: one process takes the same batches one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def init_process_group() -> None:
    """Join the other processes if ``torchrun`` started this one: NCCL between GPUs, Gloo between CPUs."""
    if "LOCAL_RANK" in os.environ and not distributed.is_initialized():
        gpu = torch.cuda.is_available()
        if gpu:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if gpu else "gloo")


def rank_and_world_size() -> tuple[int, int]:
    """Number of this process, from 0, and how many there are."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the sum of all processes' gradients; who has none adds zeros."""
    if rank_and_world_size()[1] == 1:
        return
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        distributed.all_reduce(p.grad)


def broadcast_from_rank0(value: Tensor | dict) -> Tensor | dict:
    """What the first process has, for all: a decision that rounding must not divide them over."""
    if rank_and_world_size()[1] == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]
