"""Command line for graphs of your own: ``python -m pmf_minimal align left.ttl right.ttl --seeds pairs.csv``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from pmf_minimal.cli.data import InputError, claim, user_errors

# Whatever needs PyTorch is imported where it is used: --help answers at once.

FILE = click.Path(path_type=Path)
SIDES = [
    click.argument("left", type=FILE),
    click.argument("right", type=FILE),
    click.option(
        "--features",
        nargs=3,
        multiple=True,
        metavar="NAME LEFT RIGHT",
        help="Features of your own as a further modality: .npz files of ids and features, or .npy with a .txt of entities beside it. Repeatable.",
    ),
    click.option(
        "--precision",
        type=click.FloatRange(0, 1),
        help="Keep matches down to the threshold whose estimated precision is at least this [default: 0.9].",
    ),
    click.option("--out", type=FILE, help="Folder for the results [default: a new one below runs/]."),
    click.option("--report", type=FILE, help="An .html file: a page to look at the matches and to review them."),
]


def _sides(command):
    for decorate in reversed(SIDES):
        command = decorate(command)
    return command


def _read(left, right, features, seeds=None, device="cpu"):
    from pmf_minimal import own
    from pmf_minimal.scale.device import pick_device

    both = [own.read_graph(path) for path in (left, right)]
    for name, *files in features:
        for side, file in zip(both, files, strict=True):
            side.features = {**side.features, name: own.read_features(Path(file))}
            side.files[name] = Path(file)
    pairs = own.read_pairs(seeds, *both) if seeds else []
    graphs = own.from_frames(*both, pairs, f"{left.name} and {right.name}", device=pick_device(device))
    for note in graphs.notes:
        click.echo(f"Note: {note}", err=True)
    return graphs


def _fresh(out: Path | None, report: Path | None) -> Path:
    if report:
        from pmf_minimal.own.report import check

        with user_errors():
            check(report)
    out = out or Path("runs") / f"align-{datetime.now():%Y%m%d-%H%M%S}"
    claim(out)
    return out


def _report(alignment, report):
    if report:
        with user_errors():
            alignment.report(report)
        click.echo(f"Open {report} in a browser to look at the matches and to review them.")


def _tell(alignment, out):
    kept, precision = alignment.kept, alignment.precision
    table = alignment.thresholds
    some = table.iloc[[round(k * (len(table) - 1) / 7) for k in range(8)]].drop_duplicates() if len(table) else table
    click.echo(f"\nThresholds, estimated on {len(alignment.graphs.valid)} validation pairs:\n")
    click.echo(some.to_string(index=False, float_format="{:.2f}".format))
    new = kept[~kept["known"]]
    click.echo(
        f"\nmatches: all above the threshold but the seeds, counted. All else is estimated from the validation pairs alone:"
        f"\ncorrect, wrong: what their left entities get; false_matches: how many would get a match if their counterpart did not exist,"
        f"\nthe mean of both sides. Precision = correct / (correct + wrong + false_matches), as if one entity had no counterpart for each"
        f"\nthat has one, low and high its 95 % interval; recall = correct / validation pairs."
        f"\n\n{len(new)} new matches kept for an estimated precision of {precision:.2f}, beside {len(kept) - len(new)} known pairs."
    )
    fits = table[table["precision"] >= precision]
    if len(fits) and (low := fits.loc[fits["threshold"].idxmin(), "precision_low"]) < precision - 0.1:
        click.echo(f"With so few validation pairs the precision may be as low as {low:.2f}: more seeds would tell.")
    if len(new):
        columns = ["left_name", "right_name", "score", "evidence", *(c for c in new if c.startswith("from "))]
        click.echo(
            f"\nThe surest, and the evidence of each modality:\n\n{new[columns].head(8).to_string(index=False, float_format='{:.2f}'.format)}"
        )
    click.echo(f"\nWritten to {out}")
    if not (out / "matches.nt").exists():
        click.echo("No matches.nt: not all ids are absolute IRIs, as RDF needs them.")


@click.command()
@_sides
@click.option("--seeds", type=FILE, help="Known pairs: CSV or TSV of two columns, or RDF with owl:sameAs.")
@click.option("--start", type=click.Choice(["names", "images"]), help="Without --seeds: first pairs by this.")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="How long to train on the given pairs [default: 60]; half as long again on sure pairs that the model finds.",
)
@click.option("--seed", default=0, show_default=True, help="Decides validation pairs, initial weights and batches.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--checkpoint", type=FILE, help="Keep the state of the run here; after a halt the same command goes on.")
def align(left, right, features, precision, out, report, seeds, start, epochs, seed, device, checkpoint):
    """Align two graphs of your own.

    LEFT and RIGHT are RDF files (.nt, .ttl) or folders of tables, in UTF-8. The files of a folder, of which only
    the first is needed, are .csv, or .tsv with tabs, and begin with a line of these names:

    \b
      triples         head,relation,tail
      attributes      entity,attribute   who has which; values do not count
      names           entity,name
      images          entity,path        picture files below the folder
      NAME.npz, .npy  features as for --features: they become the modality NAME

    In all of them an entity has the id that it has in the triples.

    In an RDF file literals are attributes, and names if their property is rdfs:label, skos:prefLabel, schema:name or
    foaf:name. An entity with several gets one of the property that comes first in this list, and of those the first
    by the alphabet, in whatever language. Pictures are those of foaf:depiction and schema:image.

    Vectors that you have for your pictures go in as --features image LEFT.npz RIGHT.npz, in place of the files.

    Known pairs are one-to-one, and ten at least: seven to learn from, three to estimate by.

    \b
    Writes into the folder of results:
      matches.csv        one-to-one matches of all entities: names, score, each modality's part, whether kept
      matches.nt         those that are kept, as owl:sameAs, if all their ids are absolute IRIs
      thresholds.csv     precision and recall at every threshold, estimated on validation pairs
      model.safetensors, config.json, run.json, history.csv    for predict

    The page of --report works without a network; its review is saved as seeds.csv for the next --seeds.
    """
    if seeds and start:
        raise InputError("--seeds and --start: not both; known pairs make guessed ones needless")
    if not seeds and not start:
        raise InputError("give known pairs with --seeds FILE, or --start names or images without any")
    from pmf_minimal import own
    from pmf_minimal.runs.run import fit
    from pmf_minimal.scale.device import pick_device

    out = _fresh(out, report)
    try:
        pick_device(device)
        with user_errors():
            graphs = _read(left, right, features, seeds, device)
            if start:
                graphs.pairs = own.bootstrap_pairs(graphs, start)
            config = own.settings(graphs, seed=seed, epochs=epochs)
            graphs = own.split_for_application(graphs, seed, config.valid_share)
    except ValueError as error:
        raise InputError(str(error)) from None
    click.echo(f"{graphs.summary().to_string()}\n\n{len(graphs.train)} seeds, {len(graphs.valid)} validation pairs")
    if start:
        click.echo(f"The first pairs are guesses by {start}: some are wrong, and the estimates below are too good.")
    with user_errors():
        run = fit(graphs, config, device, checkpoint=checkpoint)
        alignment = own.Alignment(run, 0.9 if precision is None else precision)
        alignment.save(out)
    _tell(alignment, out)
    _report(alignment, report)


@click.command()
@click.argument("run", type=FILE)
@_sides
def predict(run, left, right, features, precision, out, report):
    """Use the model of an earlier align (its folder RUN) again on the same LEFT and RIGHT.

    Writes matches.csv, matches.nt and thresholds.csv as align did, for another --precision if you like, and
    embeddings.npz: ids, and a row per entity for each modality and for joint.
    """
    from pmf_minimal import own
    from pmf_minimal.runs.files import read_json
    from pmf_minimal.runs.run import load_run

    out = _fresh(out, report)
    with user_errors():
        found = load_run(run, _read(left, right, features))
        asked = read_json(run / "run.json").get("precision", 0.9)
        alignment = own.Alignment(found, asked if precision is None else precision)
        alignment.save(out, model=False)
    _tell(alignment, out)
    _report(alignment, report)
