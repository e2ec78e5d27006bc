"""Command line: ``python -m pmf_minimal train emoji/fr_en --seed 0``."""

from __future__ import annotations

import errno
import json
import sys
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path

import click

from pmf_minimal.cli.align import align, predict
from pmf_minimal.cli.data import claimed, data, user_errors
from pmf_minimal.cli.experiment import experiment
from pmf_minimal.cli.halts import halting, state_kept
from pmf_minimal.cli.say import InputError, no_room, open_streams, say
from pmf_minimal.datasets.escape import one_line

# Whatever needs PyTorch is imported where it is used: --help answers at once.


class Harmless(click.Group):
    """A group of commands whose errors quote what was given without control characters, and which needs no output to work."""

    def main(self, *args, **kwargs):
        open_streams()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # of the help, say, which click writes itself
            if error.errno != errno.ENOSPC:
                raise
            failed = no_room(error, sys.stdout)
            failed.show()
            sys.exit(failed.exit_code)

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except click.UsageError as error:
            error.message = one_line(error.message)
            raise


@click.group(cls=Harmless, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pmf-minimal")
def main():
    """Align two multi-modal knowledge graphs by progressive modality freezing (PMF)."""


for _command in (data, align, predict, experiment):
    main.add_command(_command)


@main.command()
@click.argument("dataset")
@click.option(
    "--model",
    help="pmf, or what it is compared with: eva, mclea, meaformer, umaea, msnea, mmea, propagation (trains nothing), "
    "mixture (trains, and propagates) [default: that of the preset].",
)
@click.option(
    "--preset",
    default="recommended",
    show_default=True,
    help="Settings to start from: recommended, quick, paper, released; or published, those of the model's own authors.",
)
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the settings; repeatable."
)
@click.option("--seed", default=0, show_default=True, help="Decides the split, the initial weights and the batches.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the benchmarks [default: $PMF_DATA].")
@click.option("--images", type=click.Path(path_type=Path), help="File of image features (npz, npy, safetensors, pkl).")
@click.option(
    "--vectors", type=click.Path(path_type=Path), help="File of word vectors (GloVe text) for the modality name."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [default: a new one below runs/].")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Keep the state of the training here; after a halt the same command goes on.",
)
@click.option(
    "--fit-memory", is_flag=True, help="Begin with batches so small that a step takes half of the free memory."
)
def train(dataset, model, preset, changes, seed, root, images, vectors, device, out, checkpoint, fit_memory):
    """Train on DATASET, measure on its test pairs and write the matches.

    DATASET is a name such as emoji/fr_en (comes with the package) or dbp15k/zh_en (needs --root).

    \b
    Writes into the folder of results:
      metrics.json       Hits@1, Hits@10, MRR in both directions, joint (also among all entities) and each modality alone
      matches.csv        matches of the test entities, one-to-one unless the preset is released: names, score, whether correct
      history.csv        losses, thresholds and frozen shares, epoch by epoch
      model.safetensors  the weights of the best epoch, with relevance and frozen features
      config.json        every setting
    """
    with halting(lambda: state_kept(checkpoint)):
        changes = {"seed": seed} | ({"model": model} if model else {}) | dict(map(_parse, changes))
        name = f"{preset}-seed{changes['seed']}-{datetime.now():%Y%m%d-%H%M%S}"
        out = out or Path("runs") / dataset.replace("/", "-") / name
        _train(dataset, preset, changes, root, images, vectors, device, out, checkpoint, fit_memory)


def _train(dataset, preset, changes, root, images, vectors, device, out, checkpoint, fit_memory) -> None:
    """What the command does; all that can be refused is refused before the training."""
    from pmf_minimal.baselines.registry import find, published
    from pmf_minimal.config import PRESETS
    from pmf_minimal.datasets import load
    from pmf_minimal.runs import folder as run_folder
    from pmf_minimal.runs.files import read_json
    from pmf_minimal.runs.run import fit
    from pmf_minimal.scale import distributed
    from pmf_minimal.scale.device import pick_device
    from pmf_minimal.scale.settings import short

    distributed.init_process_group()
    first = distributed.rank_and_world_size()[0] == 0
    try:
        model = changes.get("model", "pmf")
        find(model)
        presets = PRESETS | {"published": published(model)}
        if preset not in presets:
            raise ValueError(f"unknown preset {short(preset)}; known are {', '.join(presets)}")
        config = presets[preset].replace(**changes)
        pick_device(device)
        with user_errors():
            graphs = load(dataset, root, images, vectors).split(config.seed, config.train_share, config.valid_share)
    except ValueError as error:
        raise InputError(str(error)) from None
    with claimed(out) if first else nullcontext():
        if first:
            sizes = f"{len(graphs.train)} seeds, {len(graphs.valid)} validation and {len(graphs.test)} test pairs"
            say("\n".join([str(graphs), sizes, *graphs.get("notes", ())]))
        with user_errors():
            run = fit(graphs, config, device, progress=first, checkpoint=checkpoint, fit_memory=fit_memory)
        if not first:
            return
        with user_errors():
            run.save(out)
            table = run_folder.metrics_table(read_json(out / "metrics.json"))
    say(f"\nTest pairs, epoch {run.best_epoch} (chosen by {config.selection} pairs):\n")
    say(table.to_string(float_format="{:.3f}".format))
    say(f"\nWritten to {out}")


def _parse(change: str) -> tuple[str, object]:
    name, sign, value = change.partition("=")
    if not sign:
        raise InputError(f"--set {change}: write FIELD=VALUE, for example --set epochs=100")
    with suppress(ValueError, RecursionError):  # a plain word needs no quotes
        value = json.loads(value)
    return name, tuple(value) if isinstance(value, list) else value
