"""Command line: ``python -m pmf_minimal experiment``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click

from pmf_minimal.cli.data import claimed, user_errors
from pmf_minimal.cli.halts import halting
from pmf_minimal.cli.say import InputError, say

# Whatever needs PyTorch is imported where it is used: --help answers at once.


@click.command()
@click.argument("cards", nargs=-1, metavar="[CARD]...")
@click.option("--more", is_flag=True, help="Also the data sets that a card marks as taking long, from --root.")
@click.option(
    "--tune", is_flag=True, help="Choose the learning rate of each variant first, by validation pairs of other splits."
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default="runs/experiments",
    show_default=True,
    help="Folder of the results of single runs; what is there is not run again.",
)
@click.option("--jobs", default=-1, show_default=True, help="Processes, one thread each; -1 for one per core.")
@click.option("--dask", metavar="ADDRESS", help="Address of a Dask scheduler whose workers run the grid instead.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the benchmarks [default: $PMF_DATA].")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu or cuda.")
@click.option("--out", type=click.Path(path_type=Path), help="New folder for the tables of the runs.")
@click.option("--store", is_flag=True, help="Make the runs the book's stored results (for its authors).")
def experiment(cards, more, tune, cache, jobs, dask, root, device, out, store):
    """Run the grids of experiment CARDs and judge them.

    A CARD is the name of one of the book's cards, or a YAML file of your own in their form; without any, all of the book
    are run. A grid that was interrupted goes on where it was when the same command is given again. Whatever is wrong with a card,
    the data or an option is said before anything runs.

    What comes out for a card of the book is compared with what is stored: where the 95 % intervals do not overlap, the
    command says so and ends with status 1.
    """
    left = f"the runs that are finished are in {cache}; give the same command to go on from there."
    with halting(lambda: left), user_errors():
        from pmf_minimal.experiments import runner

        plans = _plans(cards, more, tune, store)
        runner.check((cell for _, _, grid in plans for cell in grid), jobs, device, root, dask)
        differ, tables = 0, {}
        with claimed(out) if out is not None else nullcontext():
            for name, card, grid in plans:
                say(f"{card['title']}: {len(grid)} runs")
                compute = partial(runner.run, cache=cache, jobs=jobs, dask=dask, root=root, device=device)
                if tune:
                    tables[f"{Path(name).stem}.tuning.csv"] = _tune(name, card, grid, compute, store)
                    continue
                table, epochs = compute(grid)
                tables |= {f"{Path(name).stem}.csv": table, f"{Path(name).stem}.history.csv": epochs}
                differ += _results(name, card, table, compare=not store)
                if store:
                    _book().write(name, table, epochs)
            if out is not None:
                _write(out, tables, left)
    if differ:
        raise SystemExit(1)


def _book():
    from pmf_minimal.experiments import cards

    return cards


def _plans(cards: tuple[str, ...], more: bool, tune: bool, store: bool) -> list[tuple[str, dict, list]]:
    """Name, card and grid of all that is asked for; an InputError or DataError if any of it cannot be run, judged or kept."""
    book = _book()
    names = cards or _all(tune, more)
    stems = [Path(name).stem for name in names]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"{stem}: two of the cards have this name; run them one after the other")
    plans = []
    for name in names:
        card = book.read(name)
        if tune and "tuning" not in card:
            raise InputError(f"{name}: this card has no `tuning`; leave out --tune")
        if not tune and (waiting := book.untuned(card, more)):
            raise InputError(
                f"{name}: no rate is chosen yet for {', '.join(waiting[:3])}; run it with --tune --store first"
            )
        plans.append((name, card, book.tuning_cells(card, more) if tune else book.cells(card, more)))
        if store:
            book.check_store(name, None if tune else {cell.dataset for cell in plans[-1][2]})
    return plans


def _all(tune: bool, more: bool) -> list[str]:
    """The cards of the book that can be run, or tuned; those whose rates are not chosen yet are named and left out."""
    book = _book()
    names = [name for name in book.names() if not tune or "tuning" in book.read(name)]
    waiting = [] if tune else [name for name in names if book.untuned(book.read(name), more)]
    if waiting:
        say(f"left out, since their rates are not chosen yet (--tune --store): {', '.join(waiting)}")
    return [name for name in names if name not in waiting]


def _results(name: str, card: dict, table, compare: bool) -> int:
    """Say what came out; returns the number of cells that differ from what the book stores."""
    book, measure = _book(), card.get("measure", "Hits@1")
    for claim_, verdict, rows in book.verdicts(card, table):
        counts = ", ".join(f"{n} {k}" for k, n in rows["outcome"].value_counts().items()) if len(rows) else ""
        say(f"  claim {claim_['claim']}: {claim_['says']}\n    {verdict} ({counts})")
    if not card["claims"]:
        shown = [
            measure,
            *(c for c in table if c.startswith(f"{measure}, ") and c.split(", ")[1] in card.get("readings", {})),
        ]
        say(table.groupby(["dataset", "variant"], sort=False)[shown].mean().round(3).T.to_string())
    if not compare or not os.path.exists(book.CARDS / f"{name}.csv"):
        return 0
    odd = book.disagreements(table, book.runs(name), measure)
    say(f"  {len(odd)} of {len(book.summary(table, measure))} cells differ from what is stored")
    if len(odd):
        say(odd.round(4).to_string())
    return len(odd)


def _tune(name: str, card: dict, grid: list, compute, store: bool):
    """Choose the rates of a card, with further ones while the best is the first or the last; the runs."""
    from pmf_minimal.experiments import tuning

    book = _book()
    while True:
        table, _ = compute(grid)
        if store:
            book.write_tuning(name, table)
        further = tuning.extension(card, book.configs(card), table)
        if not further:
            break
        say(
            f"  {len(further)} further runs: the best rate of {len({c.variant for c in further})} variants is an edge of its grid"
        )
        grid = grid + further
    say(tuning.chosen(table).round(3).to_string())
    return table


def _write(out: Path, tables: dict, left: str) -> None:
    """The tables in a new folder, which appears when all of them are there; an InputError that says what is left else."""
    from pmf_minimal.datasets.folders import new_folder, write_each
    from pmf_minimal.errors import NotWritable
    from pmf_minimal.runs.folder import harmless

    try:
        with new_folder(out) as part:
            write_each(*(partial(harmless(table).to_csv, part / name, index=False) for name, table in tables.items()))
    except NotWritable as error:
        raise InputError(f"{error}; {left}") from None
