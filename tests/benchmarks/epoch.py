"""How long an epoch takes, against its matrix products alone: the same shapes, in the same process, threads and dtype.

    python tests/benchmarks/epoch.py                    # a synthetic pair of DBP15K's size
    python tests/benchmarks/epoch.py openea/en_fr_v1 --root FOLDER --images FILE

Two stages, as the released code has them: L_CKG on the seeds with a scoring of relevance, and L_CM on the linked
entities. Only products that a step cannot do without are counted; each is listed with its shape. Those of the attention
layers have a sparse factor, with an entry for each edge; they are counted apart.
"""

import argparse
import math
import time

import pandas as pd
import torch
import worlds

from pmf_minimal.config import PRESETS
from pmf_minimal.datasets import load
from pmf_minimal.scale.device import pick_device
from pmf_minimal.training import Training


def alignment_products(training):
    """(n, k, m) of every product [n, k] x [k, m] in an epoch of L_CKG with a scoring."""
    graphs, config = training.graphs, training.config
    seeds, d = len(graphs.train), config.dim
    shapes = []
    for count in [len(b) for b in torch.arange(seeds).split(config.batch_size)]:
        widths = [d] * len(training.model.modalities) + [d * len(training.model.modalities)]
        for width in widths:
            shapes += [(count, width, count)] * 3  # left with right, left with left, right with right
            shapes += [(count, count, width)] * 4  # gradients: of both factors of the first, of one each of the others
        for x in graphs.features.values():
            shapes += [(2 * count, x.shape[1], d), (d, 2 * count, x.shape[1])]  # the layer, and its weight's gradient
    for x in graphs.features.values():
        shapes.append((graphs.num_nodes, x.shape[1], d))
    test = len(graphs.test) + len(graphs.valid)
    sides = (test, test) if config.candidates_in_scoring == "test" else (graphs.n_left, graphs.n_right)
    shapes += [(sides[0], d, sides[1])] * len(training.model.modalities)
    return shapes


def modality_products(training):
    """The same for an epoch of L_CM."""
    graphs, d, shapes = training.graphs, training.config.dim, []
    for batch in training.plan.entity_batches(torch.Generator()):
        rows = sum(map(len, batch))
        for x in graphs.features.values():
            shapes += [(rows, x.shape[1], d), (d, rows, x.shape[1])]
        for side in batch:
            for i, p in enumerate(training.model.modalities):
                for q in training.model.modalities[:i]:
                    both = int((graphs.mask(p)[side] & graphs.mask(q)[side]).sum())
                    if training.config.missing == "bias":
                        both = len(side)
                    shapes += [(both, d, both)] + [(both, both, d)] * 2
    return shapes


def sparse_alone(training, steps, scorings, device):
    """Seconds for the attention layers' products of sparse and dense: steps there and back, scorings there only."""
    neighbours = training.model.encoders["structure"].neighbours
    x = torch.randn(training.graphs.num_nodes, training.config.dim, device=device)
    values = torch.rand(neighbours.edge_index.shape[1], device=device)
    a = torch.sparse_csr_tensor(
        neighbours.rowptr, neighbours.edge_index[1], values, (len(x),) * 2, check_invariants=False
    )
    start = clock(device)
    for _ in range(4 * (2 * steps + scorings)):  # two layers of two heads
        a @ x
    for _ in range(4 * steps):
        torch.sparse.sampled_addmm(a, x, x.T, beta=0.0)
    return clock(device) - start


def products_alone(shapes, device):
    """Seconds for the products, their factors made beforehand."""
    made = {}
    for n, k, m in shapes:
        for size in ((n, k), (k, m)):
            if size not in made:
                made[size] = torch.randn(size, device=device)
    start = clock(device)
    for n, k, m in shapes:
        made[n, k] @ made[k, m]
    return clock(device) - start


def clock(device):
    """On a CPU the time of the processor, all threads together: other programs on the machine do not count."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("--root")
    parser.add_argument("--images")
    parser.add_argument("--preset", default="released")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", help="File for the figures.")
    args = parser.parse_args()
    device = pick_device()
    config = PRESETS[args.preset].replace(cross_modality="off", epochs=1000, evaluate_every=1000)
    graphs = load(args.dataset, args.root, args.images) if args.dataset else worlds.graphs()
    graphs = graphs.split(0, config.train_share, config.valid_share).to(device)
    training = Training(graphs, config)

    def align(number):
        thresholds = {m: 0.1 for m in training.model.modalities}
        training.model.score(thresholds, torch.Generator())
        training._train(torch.Generator().manual_seed(number))

    def relate(number):
        for batch in training.plan.entity_batches(torch.Generator().manual_seed(number)):
            loss = training.model.total_loss(training.model.losses(None, batch))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(training.parameters, config.clip)
            training.optimiser.step()
            training.optimiser.zero_grad(set_to_none=True)

    rows = []
    for stage, epoch, shapes, steps, scorings in (
        ("L_CKG and scoring", align, alignment_products(training), len(training._steps(torch.Generator())), 1),
        ("L_CM", relate, modality_products(training), len(training.plan.entity_batches(torch.Generator())), 0),
    ):
        counts = pd.Series(shapes).value_counts()
        print(f"\n{stage}: products [n, k] x [k, m]")
        print("\n".join(f"  {times:4} x {n:6} {k:6} {m:6}" for (n, k, m), times in counts.items()))
        flops = sum(2 * n * k * m for n, k, m in shapes)
        for number in range(-1, args.repeats):
            start = clock(device)
            epoch(number)
            seconds = clock(device) - start
            alone, sparse = products_alone(shapes, device), sparse_alone(training, steps, scorings, device)
            if number >= 0:  # the first is for warming up
                rows.append(
                    {
                        "stage": stage,
                        "epoch s": seconds,
                        "products s": alone,
                        "sparse products s": sparse,
                        "ratio": seconds / (alone + sparse),
                        "ratio to dense ones": seconds / alone,
                        "GFLOP": flops / 1e9,
                    }
                )
    peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else math.nan
    resident = worlds.peak() / 1e9
    print(f"\n{device}, {torch.get_num_threads()} threads; medians of {args.repeats}:")
    table = pd.DataFrame(rows).groupby("stage").median()
    print(table.round(2).to_string())
    if args.json:
        table.assign(**{"peak GB": resident}).reset_index().to_json(args.json, orient="records")
    print(f"peak memory: {resident:.1f} GB of the process" + (f", {peak:.1f} GB on the GPU" if peak == peak else ""))


if __name__ == "__main__":
    main()
