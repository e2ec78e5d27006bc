"""Command line: ``python -m pmf_minimal experiment``."""

from __future__ import annotations

from pathlib import Path

import click

from pmf_minimal.cli.data import InputError, user_errors


@click.command()
@click.argument("cards", nargs=-1, metavar="[CARD]...")
@click.option("--more", is_flag=True, help="Also the data sets that a card marks as taking long, from --root.")
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
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the tables of the runs.")
@click.option("--store", is_flag=True, help="Make the runs the book's stored results (for its authors).")
def experiment(cards, more, cache, jobs, dask, root, device, out, store):
    """Run the grids of experiment CARDs and judge them.

    A CARD is the name of one of the book's cards, or a YAML file of your own in their form; without any, all of the book
    are run. A grid that was interrupted goes on where it was when the same command is given again.

    What comes out for a card of the book is compared with what is stored: where the 95 % intervals do not overlap, the
    command says so and ends with status 1.
    """
    from pmf_minimal.experiments import cards as book
    from pmf_minimal.experiments import runner

    differ = 0
    for name in cards or book.names():
        with user_errors():
            try:
                card = book.read(name)
                grid = book.cells(card, more)
            except ValueError as error:
                raise InputError(str(error)) from None
            click.echo(f"{card['title']}: {len(grid)} runs")
            table, epochs = runner.run(grid, cache, jobs=jobs, dask=dask, root=root, device=device)
        for claim in card["claims"]:
            verdict, rows = book.judge(table, claim)
            counts = ", ".join(f"{n} {k}" for k, n in rows["outcome"].value_counts().items()) if len(rows) else ""
            click.echo(f"  claim {claim['claim']}: {claim['says']}\n    {verdict} ({counts})")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            table.to_csv(out / f"{Path(name).stem}.csv", index=False)
            epochs.to_csv(out / f"{Path(name).stem}.history.csv", index=False)
        if store:
            book.write(name, table, epochs)
        elif (book.CARDS / f"{name}.csv").exists():
            odd = book.disagreements(table, book.runs(name))
            differ += len(odd)
            click.echo(f"  {len(odd)} of {len(book.summary(table))} cells differ from what is stored")
            if len(odd):
                click.echo(odd.round(4).to_string())
    if differ:
        raise SystemExit(1)
