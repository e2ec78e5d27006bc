"""Every choice that a run can make, in three groups, with the paper's and the released code's answers as presets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from pmf_minimal.encoders import MISSING
from pmf_minimal.errors import DataError
from pmf_minimal.freezing import FREEZING
from pmf_minimal.fusion import FUSIONS
from pmf_minimal.losses import LOSS_WEIGHTS, NEGATIVES, SYMMETRIC
from pmf_minimal.matching import MATCHERS, SIMILARITIES
from pmf_minimal.relevance import SCORERS, SCORING_CANDIDATES
from pmf_minimal.scale.batches import BATCH_PLANS, ENTITIES

#: beta of Eq. (11) per modality (appendix A.4). The paper does not list name and char; they count like the other texts.
BETA = {"structure": 0.1, "relation": 0.1, "attribute": 0.1, "image": 10.0, "name": 0.1, "char": 0.1}

#: Version of the files that a run leaves; raised when one of them changes its meaning.
FORMAT = 3


@dataclass(frozen=True)
class ModelConfig:
    """What the model is. Rows are those of ``book/released_code.md``, the differences between paper and released code.

    Attributes:
        model: ``pmf`` or the name of another system, see ``baselines.registry``.
        ablate: take away what the model is named for.
        modalities: which of the graphs' modalities to use; those that the data lack are left out. A modality of your own
            needs an entry in ``beta`` (see :meth:`PMFConfig.with_modalities`).
        dim: width d of every modality's embedding (A.4: 300).
        temperature: tau of Eq. (10) and (12); below 0.025 the sums would underflow in float32.
        beta: modality -> weight in Eq. (11).
        scoring: when relevance is measured: ``progressive`` (again and again), ``static`` (once) or ``off`` (never).
        scorer: how it is measured: ``best_match`` (Eq. 3 and 4), or as a control ``shuffled`` or by an ``oracle``.
        scoring_start, scoring_end: first and last epoch that may score.
        threshold_start, threshold_factor, threshold_max: delta of Eq. (3) and its growth.
        threshold_grows: modalities whose delta grows; None for all (row 2).
        candidates_in_scoring: ``all`` entities, or the ``test`` counterparts and gold partners (row 4); iterative
            learning looks for new pairs among the same.
        freezing: ``gradient`` (Eq. 6), ``row`` (only the feature's own row of a loss is dropped, row 7) or ``off``.
        thaw: whether a frozen feature may come back (row 6).
        fusion: ``weights`` (Eq. 8), ``keep`` (keep or drop, row 1), ``none`` (plain concatenation), or ``evidence``: pairs
            are compared modality by modality, with a reliability learnt from validation pairs.
        cross_modality: L_CM in every step (``joint``, Eq. 9), in ``stages``: with steps of its own, only after the last
            scoring (row 9), or ``off``.
        cross_modality_over: ``all`` entities or the ``linked`` ones (row 10).
        cross_modality_negatives: ``both`` kinds or ``one`` (row 11).
        loss_weights: ``fixed`` or ``learned`` log-variances (row 12).
        symmetric: ``joint`` log of Eq. (13) as printed, or the mean of ``separate`` logs (row 27).
        relation_counts: bags of relations hold counts instead of presence (row 23).
        missing: ``mask``; or ``bias``: a missing image is a zero vector sent through its layer (row 24); or ``noise``: it
            is drawn around the mean of the others, as most baselines' code does.
    """

    model: str = "pmf"
    ablate: bool = False
    modalities: tuple[str, ...] = ("structure", "relation", "attribute", "image")
    dim: int = 300
    temperature: float = 0.05
    beta: dict[str, float] = field(default_factory=lambda: dict(BETA))
    scoring: str = "progressive"
    scorer: str = "best_match"
    scoring_start: int = 10
    scoring_end: int = 50
    threshold_start: float = 0.1
    threshold_factor: float = 1.2
    threshold_max: float = 0.9
    threshold_grows: tuple[str, ...] | None = None
    candidates_in_scoring: str = "all"
    freezing: str = "gradient"
    thaw: bool = True
    fusion: str = "weights"
    cross_modality: str = "joint"
    cross_modality_over: str = "all"
    cross_modality_negatives: str = "both"
    loss_weights: str = "fixed"
    symmetric: str = "joint"
    relation_counts: bool = False
    missing: str = "mask"


@dataclass(frozen=True)
class TrainingConfig:
    """How the model learns (4.1, A.4).

    Attributes:
        train_share: share of the pairs that is known in advance; None takes the data set's custom (row 18).
        valid_share: share of those set aside for early stopping (row 16: the released code has none).
        selection: epoch chosen on ``valid`` pairs, on ``test`` pairs (row 16: optimistic) or the ``last`` one.
        epochs, batch_size, lr, weight_decay, clip, warmup, accumulation: optimisation.
        schedule: ``cosine`` over the steps that the seeds make; ``wrong_count``: their number as the released code counts
            it (row 19); ``epochs``: cosine over the epochs, so that it does not end early when pairs are added.
        dtype: ``float32``, or ``bfloat16`` for the large products of the losses (for GPUs with such units).
        compile: let PyTorch compile the losses (a minute at the first step; for long runs on a GPU).
        evaluate_every, patience: epochs between two validations, and validations without gain before a phase stops.
        iterative_epochs: epochs of iterative learning that follow; 0 for none.
        iterative_every, probation: epochs between two rounds of it, and rounds that a pair must pass (row 22); with
            ``fusion="evidence"`` a pair must be probable instead.
        fanout: neighbours that training draws per entity and layer, for graphs too large for all of them; 0 for all.
        seed: random seed of split, initial weights and batches.
    """

    train_share: float | None = None
    valid_share: float = 0.2
    selection: str = "valid"
    epochs: int = 250
    batch_size: int = 3500
    lr: float = 1e-3
    weight_decay: float = 1e-4
    clip: float = 1.1
    warmup: float = 0.15
    accumulation: int = 1
    schedule: str = "cosine"
    dtype: str = "float32"
    compile: bool = False
    evaluate_every: int = 10
    patience: int = 5
    iterative_epochs: int = 0
    iterative_every: int = 5
    probation: int = 10
    fanout: int = 0
    seed: int = 0


@dataclass(frozen=True)
class MatchingConfig:
    """How embeddings are compared and pairs decided (3.5).

    Attributes:
        similarity: ``cosine``, the unnormalised ``dot`` product (row 14), or minus the ``euclidean`` distance.
        csls_k, csls_rounds: neighbours of CSLS and how often it is applied; 0 rounds for none (row 14).
        candidates: in evaluation, the ``test`` counterparts or ``all`` entities of the other graph.
        matching: how pairs are decided, see ``matching.MATCHERS``; ``row`` is what the released code does (row 15).
    """

    similarity: str = "cosine"
    csls_k: int = 3
    csls_rounds: int = 0
    candidates: str = "test"
    matching: str = "greedy"


@dataclass(frozen=True)
class PMFConfig(ModelConfig, TrainingConfig, MatchingConfig):
    """Configuration of a run: the fields of :class:`ModelConfig`, :class:`TrainingConfig` and :class:`MatchingConfig`.

    Raises:
        ValueError: a value that its field does not have; the message names the field and what it can be.

    Example:
        >>> PRESETS["recommended"].replace(epochs=30, seed=1).dim
        300
    """

    def __post_init__(self):
        for f in fields(self):
            value, kind = getattr(self, f.name), type(f.default)
            if kind in _KINDS and not _fits(value, kind):
                raise ValueError(f"{f.name}={value!r}: give {_KINDS[kind]}, such as {json.dumps(f.default)}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not (_fits(value, float) and least <= value <= most):
                span = f"at least {least}" if most == math.inf else f"between {least} and {most}"
                raise ValueError(f"{name}={value!r}: must be {span}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {', '.join(map(str, known))}")
        for name in ("modalities", "threshold_grows"):
            value = getattr(self, name)
            names = isinstance(value, tuple) and all(isinstance(m, str) and m for m in value)
            if not names and not (value is None and name == "threshold_grows"):
                raise ValueError(f'{name}={value!r}: give a list of names, such as ["structure", "image"]')
        if not isinstance(self.beta, dict) or not all(_fits(b, float) and b >= 0 for b in self.beta.values()):
            raise ValueError(f"beta={self.beta!r}: give a number of at least 0 for each modality")
        if (
            not self.modalities
            or set(self.modalities) - self.beta.keys()
            or len(set(self.modalities)) < len(self.modalities)
        ):
            raise ValueError(f"modalities={list(self.modalities)}: choose among {', '.join(self.beta)}, each once")

    def replace(self, **changes) -> PMFConfig:
        """This configuration with some fields changed."""
        unknown = changes.keys() - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"no such field of the configuration: {', '.join(sorted(unknown))}")
        return replace(self, **changes)

    def with_modalities(self, modalities: Iterable[str]) -> PMFConfig:
        """This configuration with these modalities; those of your own weigh in Eq. (11) like a text."""
        modalities = tuple(modalities)
        return self.replace(modalities=modalities, beta=dict.fromkeys(modalities, 0.1) | self.beta)

    def to_json(self) -> str:
        """All fields as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> PMFConfig:
        """The configuration that :meth:`to_json` wrote, or that ``config.json`` of a run holds.

        Raises:
            DataError: the file is of another version of the package.
            ValueError: no JSON, or values that do not fit.
        """
        values = json.loads(text)
        check_format(values, "config.json")
        values.pop("format", None)
        return PRESETS["paper"].replace(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def check_format(facts: dict, path: Path | str) -> None:
    """Whether this package can read what a file of a run says; a file without a version is of this one.

    Raises:
        DataError: it is of a newer or an older version.
    """
    found = facts.get("format", FORMAT)
    if found != FORMAT:
        remedy = "install a newer pmf-minimal" if found > FORMAT else "train again, or use pmf-minimal 0.1"
        raise DataError(f"{path}: format {found}, and this version reads format {FORMAT}; {remedy}")


def _fits(value, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, kind)


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}

_FROM_ONE = "dim epochs batch_size accumulation evaluate_every iterative_every csls_k patience probation scoring_start"
_FROM_ZERO = "iterative_epochs fanout weight_decay lr csls_rounds scoring_end threshold_factor"
_RANGES = dict.fromkeys(_FROM_ONE.split(), (1, math.inf)) | dict.fromkeys(_FROM_ZERO.split(), (0, math.inf))
_RANGES |= dict.fromkeys(("train_share", "valid_share", "warmup"), (0, 1))
_RANGES |= dict.fromkeys(("threshold_start", "threshold_max"), (-1, 1))
_RANGES |= {"temperature": (0.025, math.inf), "clip": (1e-9, math.inf), "seed": (0, 2**31)}

#: Field -> what it can be. Where a policy stands behind a word, the policies' own dictionary is the list.
CHOICES = {
    "scoring": ("progressive", "static", "off"),
    "scorer": SCORERS,
    "candidates_in_scoring": SCORING_CANDIDATES,
    "freezing": FREEZING,
    "fusion": FUSIONS,
    "cross_modality": BATCH_PLANS,
    "cross_modality_over": ENTITIES,
    "cross_modality_negatives": NEGATIVES,
    "loss_weights": LOSS_WEIGHTS,
    "symmetric": SYMMETRIC,
    "missing": MISSING,
    "similarity": SIMILARITIES,
    "candidates": ("test", "all"),
    "selection": ("valid", "test", "last"),
    "schedule": ("cosine", "wrong_count", "epochs"),
    "dtype": ("float32", "bfloat16"),
    "matching": MATCHERS,
}

#: Row by row what the authors' released code does, where a field can say it.
RELEASED = dict(
    valid_share=0.0, threshold_grows=("image",), candidates_in_scoring="test", freezing="row", thaw=False, fusion="keep",
    cross_modality="stages", cross_modality_over="linked", cross_modality_negatives="one", loss_weights="learned",
    symmetric="separate", relation_counts=True, missing="bias", similarity="dot", csls_rounds=2, matching="row",
    selection="test", epochs=100, schedule="wrong_count", probation=5,
)  # fmt: skip

PRESETS = {"paper": PMFConfig(), "released": PMFConfig(**RELEASED)}
PRESETS["quick"] = PRESETS["paper"].replace(
    dim=128, relation_counts=True, fusion="keep", threshold_grows=("image",), threshold_max=0.7, scoring_start=5,
    scoring_end=20, cross_modality="off", lr=5e-3, epochs=40, evaluate_every=5,
)  # fmt: skip
# Of eight settings the best in mean validation MRR over the four emoji pairs and OpenEA EN-FR. It freezes nothing and
# leaves L_CM out. Pairs are compared by evidence, and those that are nearly certain become seeds.
PRESETS["recommended"] = PRESETS["paper"].replace(
    relation_counts=True, scoring="off", freezing="off", fusion="evidence", cross_modality="off", symmetric="separate",
    csls_rounds=1, batch_size=1000, lr=5e-3, epochs=60, evaluate_every=5, iterative_epochs=30, patience=10,
    schedule="epochs",
)  # fmt: skip

#: What a chapter computes at each scale: seconds for a test, about a minute on two cores, a GPU.
SCALES = {
    "smoke": PRESETS["quick"].replace(dim=32, epochs=12, scoring_start=2, scoring_end=8, evaluate_every=3),
    "quick": PRESETS["quick"],
    "full": PRESETS["paper"],
}
