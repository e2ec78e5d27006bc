"""Matches among all entities of two graphs of your own, how far to rely on them, and why each one was made."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets.folders import new_folder, write_each
from pmf_minimal.errors import DamagedFile, DataError
from pmf_minimal.own import report
from pmf_minimal.own.estimates import thresholds
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.matcher import Found
from pmf_minimal.own.plan import Plan
from pmf_minimal.own.rdf import write_same_as
from pmf_minimal.runs.files import read_json, write_json
from pmf_minimal.runs.folder import write_table
from pmf_minimal.scale.settings import FORMAT, check_format

#: An IRI that RDF can name.
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")


def read_settings(folder: Path) -> tuple[pd.DataFrame | None, dict]:
    """Known and rejected pairs (None without any), with their verdict, and settings of an earlier alignment.

    Raises:
        DataError: MissingFile, DamagedFile: no folder that :meth:`Alignment.save` wrote.
    """
    facts = read_json(folder / "run.json")
    check_format(facts, folder / "run.json")
    try:
        listed = [[*facts["known"]], [*facts.get("rejected", [])]]  # which runs of older versions do not have
        if not all(isinstance(x, list) and [*map(type, x)] == [str, str] for x in sum(listed, [])):
            raise ValueError
        known = pd.DataFrame(sum(listed, []), columns=["left", "right"])
        known["verdict"] = np.repeat(["accepted", "rejected"], [*map(len, listed)])
        settings = {"precision": float(facts["precision"]), "start": facts["start"], "many": facts["many"]}
        if settings["start"] not in (None, "names", "images") or not isinstance(settings["many"], bool):
            raise ValueError
        check_precision(settings["precision"])
    except (KeyError, TypeError, ValueError, OverflowError, DataError):
        raise DamagedFile(f"{folder / 'run.json'}: not what align writes; give the folder of an align") from None
    return (known if len(known) else None), settings


def check_precision(precision: float) -> None:
    """DataError unless it is a share; NaN is none."""
    if not 0 <= precision <= 1:
        raise DataError(f"precision {precision}: no share of the matches can be asked for that way; give 0 to 1")


class Alignment:
    """Matches of two graphs, one-to-one unless asked otherwise, the surest first.

    Blank nodes are not matched: nothing outside their file could name them.

    Attributes:
        graphs: the left and the right graph, :class:`~pmf_minimal.own.graph.Graph`.
        matches: left, right (numbers of the entities), left_uri, left_name, right_uri, right_name, known (the pair was given), score (log
            odds of the match after its rivals), probability, evidence, ``from <modality>`` (its part of the evidence, in nats:
            they add up to it) and precision, estimated among all matches that are at least as sure.
        kept: the known pairs, and the matches at the lowest threshold that is estimated to be as precise as asked for.
        thresholds: see :func:`~pmf_minimal.own.estimates.thresholds`.
        modalities: what the graphs were compared by.
        candidate_recall: share of the known pairs that are among the compared candidates; NaN without known pairs.
        notes: sentences on what was left out.
        plan: what was expected of time and memory, :class:`~pmf_minimal.own.plan.Plan`.

    Args:
        graphs: left and right.
        found: what :func:`~pmf_minimal.own.matcher.find` found among them.
        precision: that the kept matches should have, by the estimate.
        notes: sentences on what was left out.
        settings: what else :func:`own.align` was told, to be kept with the results.
        plan: of this alignment.
    """

    def __init__(
        self, graphs: list[Graph], found: Found, precision: float, notes: list[str], settings: dict, plan: Plan
    ):
        self.graphs, self.found, self.precision, self.notes = graphs, found, precision, notes
        self.settings, self.plan = settings, plan
        self.modalities, self.candidate_recall = found.names, found.recall
        self.thresholds = thresholds(found.pairs, found.posterior)
        self.matches = self._matches()
        self.kept = self.at_precision(precision)

    def __repr__(self) -> str:
        new = len(self.kept) - int(self.kept["known"].sum())
        return (
            f"Alignment({len(self.matches)} matches, of which {new} new ones are kept; by {', '.join(self.modalities)})"
        )

    def at_precision(self, precision: float) -> pd.DataFrame:
        """The known pairs, and the matches at the lowest threshold that is estimated to be that precise; else no others."""
        fits = self.thresholds[self.thresholds["precision"] >= precision]
        least = fits["threshold"].min() if len(fits) else np.inf
        new = (self.matches["score"] >= least) & (self.matches["probability"] > 0)
        return self.matches[self.matches["known"] | new]

    def describe(self, side: str, uri: str) -> dict[str, list[str]]:
        """All that is compared of an entity: its names, its values, and the names of those it is linked to.

        Args:
            side: ``left`` or ``right``.
            uri: as in ``matches``.

        Returns:
            Attribute -> values; ``name`` comes first, and ``<relation> of`` holds those that link to the entity.

        Raises:
            KeyError: there is no such side or entity.
        """
        return self.graphs[{"left": 0, "right": 1}[side]].describe(uri)

    def _matches(self) -> pd.DataFrame:
        pairs, posterior = self.found.pairs, self.found.posterior
        known = np.flatnonzero(pairs.known)
        made = posterior.mutual & ~pairs.known[posterior.pair]
        chosen = np.r_[known, posterior.pair[made]]
        score, probability = np.full(len(pairs.row), np.nan), np.ones(len(pairs.row))
        score[posterior.pair] = posterior.score
        probability[posterior.pair] = posterior.probability
        parts = {
            f"from {name}": curve(column[chosen])
            for name, curve, column in zip(self.modalities, posterior.curves, pairs.similarity.T, strict=True)
        }
        sides = {"left": pairs.row[chosen], "right": pairs.column[chosen]}
        if self.found.swapped:
            sides = {"left": sides["right"], "right": sides["left"]}
        table = pd.DataFrame(sides)
        for (word, rows), graph in zip(sides.items(), self.graphs, strict=True):
            table[f"{word}_uri"] = [graph.ids[i] for i in rows]
            table[f"{word}_name"] = [graph.shown(i) for i in rows]
        table["known"] = np.arange(len(chosen)) < len(known)
        table["score"], table["probability"] = score[chosen], np.where(table["known"], 1.0, probability[chosen])
        table = table.assign(evidence=sum(parts.values()), **parts)
        steps = self.thresholds.iloc[::-1]  # thresholds rising
        place = np.searchsorted(steps["threshold"].to_numpy(), table["score"], side="right")
        table["precision"] = np.array([np.nan, *steps["precision"]])[place]
        return table.sort_values(["known", "probability", "score"], ascending=False, kind="stable", ignore_index=True)

    def report(
        self, path: str | Path, title: str = "Two graphs of your own", picture: report.Picture | None = None
    ) -> None:
        """Write one HTML page to look at the matches and to review them, see :func:`~pmf_minimal.own.report.write`.

        Args:
            path: ends in .html.
            title: what the page is called.
            picture: gives the image file of an entity, called with ``left`` or ``right`` and its id; None: as the graphs say.

        Raises:
            NotWritable: the page cannot be written there.
        """
        images = dict(zip(report.SIDES, (graph.images for graph in self.graphs), strict=True))
        sizes = tuple(len(graph) for graph in self.graphs)
        subject = report.Subject(title, sizes, self.notes, self.describe, rejected=self.settings["rejected"])
        subject.picture = picture or (lambda side, uri: images[side].get(uri))
        report.write(self, path, subject)

    def save(self, folder: str | Path) -> None:
        """Write into a new folder.

        ``matches.csv`` has all matches, ``matches.nt`` those that are kept (where all ids are absolute IRIs: RDF could not name
        others), ``thresholds.csv`` the estimates, ``run.json`` the settings and the known pairs.

        Raises:
            DataError: the folder is there already, or cannot be written.
        """
        table = self.matches.assign(kept=self.matches.index.isin(self.kept.index)).drop(columns=["left", "right"])
        with new_folder(Path(folder)) as part:
            write_each(
                lambda: write_table(table, part / "matches.csv"),
                lambda: write_table(self.thresholds, part / "thresholds.csv"),
                lambda: self._write_links(part),
                lambda: self._write_settings(part / "run.json"),
            )

    def _write_links(self, folder: Path) -> None:
        pairs = list(zip(self.kept["left_uri"], self.kept["right_uri"], strict=True))
        if all(ABSOLUTE.match(uri) for pair in pairs for uri in pair):
            (folder / "matches.nt").write_text(write_same_as(pairs), "utf-8")

    def _write_settings(self, path: Path) -> None:
        known = self.matches.loc[self.matches["known"], ["left_uri", "right_uri"]].to_numpy().tolist()
        facts = {"format": FORMAT, "precision": self.precision} | self.settings
        write_json(path, facts | {"modalities": self.modalities, "known": known})
