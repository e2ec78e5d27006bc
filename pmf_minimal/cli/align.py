"""Command line for graphs of your own: ``python -m pmf_minimal align left.ttl right.ttl --seeds pairs.csv``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from pmf_minimal.cli.data import claimed, user_errors
from pmf_minimal.cli.halts import halting
from pmf_minimal.cli.say import InputError, say
from pmf_minimal.datasets.escape import one_line

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
        help="Keep matches down to the threshold whose estimated precision is at least this [default: 0.9; for predict, that of RUN].",
    ),
    click.option("--lenient", is_flag=True, help="Repair RDF that is not quite right, and say how often."),
    click.option(
        "--device", default="auto", show_default=True, help="Where pictures are looked at: auto, cpu or cuda."
    ),
    click.option("--out", type=FILE, help="Folder for the results [default: a new one below runs/]."),
    click.option("--report", type=FILE, help="An .html file: a page to look at the matches and to review them."),
]


def _sides(command):
    for decorate in reversed(SIDES):
        command = decorate(command)
    return command


@click.command()
@_sides
@click.option(
    "--seeds",
    type=FILE,
    help="Known pairs: CSV or TSV of two columns, SSSOM, OAEI alignment XML, or RDF with owl:sameAs or skos:exactMatch.",
)
@click.option("--start", type=click.Choice(["names", "images"]), help="Find the first matches by this alone.")
@click.option("--many", is_flag=True, help="Several entities of LEFT may have one counterpart in RIGHT.")
@click.option("--dask", metavar="ADDRESS", help="Address of a Dask scheduler whose workers search and compare.")
@click.option("--plan", is_flag=True, help="Read both graphs, say what memory and time they take, and stop.")
def align(left, right, features, precision, lenient, device, out, report, seeds, start, many, dask, plan):
    """Align two graphs of your own, with known pairs or without any.

    LEFT and RIGHT are each one of these, in UTF-8:

    \b
      RDF      .nt .ttl .nq .trig .rdf .owl .xml .jsonld, also as .gz
      records  a table .csv .tsv .parquet with one entity a row: its id in the first column (or in
               the one called id), attributes in the others
      triples  a table whose columns are called head, relation, tail, or subject, predicate, object
      folder   of such tables: triples, attributes (entity, attribute, value), names (entity, name),
               images (entity, path of a picture below the folder), and NAME.npz or .npy of features

    Names are compared, all of an entity and in all languages, and the words in its IRI where it has none. Which
    properties hold names is found out. So are all other values, what entities are linked to, pictures, features, and,
    once matches are probable, numbers, kinds and the matches around. How much each says is learnt from known pairs and
    from the graphs themselves. No network is trained: for that see `own.from_frames` and `fit` in Python.

    \b
    Writes into the folder of results:
      matches.csv        all matches: names, score, probability, each modality's part of the evidence, whether kept
      matches.nt         those that are kept, as owl:sameAs, if all their ids are absolute IRIs
      thresholds.csv     precision and recall at each threshold, estimated
      run.json           settings and known pairs, for predict

    What takes long is kept beside this folder until it is written. After a halt the same command goes on from there.
    """
    from pmf_minimal.scale.cluster import check_address

    with user_errors():
        check_address(dask)
    if plan:
        from pmf_minimal import own
        from pmf_minimal.own.plan import check

        with user_errors():
            expected = own.planned(*_read(left, right, features, lenient))
            say(str(expected))
            if doubt := check(expected):
                say(f"Note: {doubt}", err=True)
        return
    _check(report, out)
    _run(left, right, features, precision, lenient, device, out, report, seeds, start, many, dask)


@click.command()
@click.argument("run", type=FILE)
@_sides
def predict(run, left, right, features, precision, lenient, device, out, report):
    """Align LEFT and RIGHT with the known pairs and settings of an earlier align (its folder RUN).

    The graphs may have grown since; known pairs whose entities are gone are left out, with a note.
    """
    from pmf_minimal.own import read_settings

    _check(report, out)
    with user_errors():
        known, settings = read_settings(run)
    asked = settings["precision"] if precision is None else precision
    _run(left, right, features, asked, lenient, device, out, report, known, settings["start"], settings["many"])


def _check(report, out):
    """Whatever is wrong with the place of the page is said before the work."""
    if report:
        from pmf_minimal.own.report import check

        if out and report.absolute() in (out.absolute(), *out.absolute().parents):
            raise InputError(f"--report {report}: the results go there; name another file")
        with user_errors():
            check(report)


def _run(left, right, features, precision, lenient, device, out, report, seeds, start, many, dask=None):
    from pmf_minimal import own
    from pmf_minimal.scale.device import pick_device

    out = out or Path("runs") / f"align-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        pick_device(device)
    except ValueError as error:
        raise InputError(str(error)) from None
    stages = own.Stages(out.parent)
    with halting(lambda: _left(stages, out)), claimed(out), _going_on(stages, out), user_errors(), stages:
        both = _read(left, right, features, lenient)
        precision = 0.9 if precision is None else precision
        how = {"start": start, "precision": precision, "many": many, "device": device, "dask": dask}
        alignment = own.align(*both, seeds, **how, stages=stages)
        for note in alignment.notes:
            say(f"Note: {note}", err=True)
        alignment.save(out)
        if report:
            alignment.report(report, f"{left.name} and {right.name}")
    _tell(alignment, out)
    if others := stages.others():
        say(
            f"Note: {len(others)} folders of other alignments, which were halted or still run, lie beside it, such as {others[0]}; "
            "the same commands go on from there, and what no command shall go on from can be removed",
            err=True,
        )
    if report:
        say(f"Open {report} in a browser to look at the matches and to review them.")


def _read(left, right, features, lenient):
    """Both graphs with the further features."""
    from pmf_minimal import own

    both = [own.read_graph(path, lenient) for path in (left, right)]
    names = [name for name, *_ in features]
    for name, *files in features:
        if names.count(name) > 1 or any(name in side.files for side in both):
            raise InputError(f"--features {name}: there are two of that name; call one of them otherwise")
        for side, file in zip(both, files, strict=True):
            side.features = {**side.features, name: own.read_features(Path(file))}
            side.files[name] = Path(file)
    return both


@contextmanager
def _going_on(stages, out):
    """Whatever ends the work says what is kept of it."""
    try:
        yield
    except InputError as error:
        if not stages.kept():
            raise
        raise InputError(f"{error.message}; {_left(stages, out)}") from None


def _left(stages, out):
    """What is left of an alignment that was halted."""
    if not stages.kept():
        return "nothing is kept; give the same command again."
    if os.path.isdir(out):  # all but the page
        return f"the results are in {out}, and the same command with another --out goes on from {stages.folder}."
    return f"what was found so far is in {stages.folder}; give the same command to go on from there."


def _tell(alignment, out):
    kept, table = alignment.kept, alignment.thresholds
    sizes = " and ".join(
        f"{len(graph)} entities {word}" for word, graph in zip(("left", "right"), alignment.graphs, strict=True)
    )
    say(f"{sizes}, compared by {', '.join(alignment.modalities)}")
    known, new = int(kept["known"].sum()), kept[~kept["known"]]
    if known:
        say(f"{known} known pairs; the search for candidates finds {alignment.candidate_recall:.0%} of them")
    some = table.iloc[sorted({round(k * (len(table) - 1) / 7) for k in range(8)})] if len(table) else table
    say(f"\nThresholds, estimated:\n\n{some.to_string(index=False, float_format='{:.2f}'.format)}")
    say(
        "\nmatches: all above the threshold but the known ones. correct, wrong, false_matches: what known pairs get if they"
        "\nwere not known, and if the counterpart did not exist. Precision is estimated from these, if there are 30, and from"
        "\nthe probabilities of the matches; low and high are its 95 % interval. Recall: share of the matches that are expected."
    )
    at = table[table["precision"] >= alignment.precision]
    if len(new):
        row = at.iloc[-1]
        say(
            f"\n{len(new)} new matches kept, estimated precision {row['precision']:.2f} "
            f"({row['precision_low']:.2f} to {row['precision_high']:.2f})."
        )
        columns = ["left_name", "right_name", "score", "probability", *(c for c in new if c.startswith("from "))]
        some = new[columns].head(8)
        for side in ("left_name", "right_name"):
            some = some.assign(**{side: [one_line(name, 60) for name in some[side]]})
        text = some.to_string(index=False, float_format="{:.2f}".format)
        say(f"\nThe surest, and the evidence of each modality:\n\n{text}")
    else:
        best = (
            f"the best that can be reached is {table['precision'].max():.2f}" if len(table) else "no pair is probable"
        )
        say(f"\nNo new match is kept: for an estimated precision of {alignment.precision:.2f} there is none; {best}.")
    if known < 30:
        say("Fewer than 30 known pairs: the estimate rests on the graphs alone; known pairs would make it surer.")
    say(f"\nWritten to {out}")
    if not os.path.exists(out / "matches.nt"):
        say("No matches.nt: not all ids are absolute IRIs, as RDF needs them.")
