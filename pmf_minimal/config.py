"""Every choice that a run can make, in three groups, with the paper's and the released code's answers as presets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace

from pmf_minimal.encoders import MISSING
from pmf_minimal.freezing import FREEZING
from pmf_minimal.fusion import FUSIONS
from pmf_minimal.losses import LOSS_WEIGHTS, NEGATIVES, SYMMETRIC
from pmf_minimal.matching import MATCHERS, SIMILARITIES
from pmf_minimal.relevance import SCORERS, SCORING_CANDIDATES
from pmf_minimal.scale.batches import BATCH_PLANS, ENTITIES
from pmf_minimal.scale.schedules import SCHEDULES
from pmf_minimal.scale.settings import check_format, check_settings

#: beta of Eq. (11) per modality (appendix A.4). The paper does not list name and char; they count like the other texts.
BETA = {"structure": 0.1, "relation": 0.1, "attribute": 0.1, "image": 10.0, "name": 0.1, "char": 0.1}


@dataclass(frozen=True)
class ModelConfig:
    """What the model is. Rows are those of ``book/released_code.md``, the differences between paper and released code."""

    model: str = "pmf"  #: ``pmf`` or the name of another system, see ``baselines.registry``
    ablate: bool = False  #: take away what the model is named for
    #: which of the graphs' modalities to use; one of your own needs an entry in ``beta``, see :meth:`PMFConfig.with_modalities`
    modalities: tuple[str, ...] = ("structure", "relation", "attribute", "image")
    dim: int = 300  #: width d of every modality's embedding (A.4)
    temperature: float = 0.05  #: tau of Eq. (10) and (12); below 0.025 the sums would underflow in float32
    beta: dict[str, float] = field(default_factory=lambda: dict(BETA))  #: modality -> weight in Eq. (11)
    scoring: str = "progressive"  #: when relevance is measured: again and again, once (``static``) or never (``off``)
    scorer: str = "best_match"  #: how: Eq. (3) and (4), or as a control ``shuffled`` or by an ``oracle``
    scoring_start: int = 10  #: first epoch that may score
    scoring_end: int = 50  #: last epoch that may score
    threshold_start: float = 0.1  #: delta of Eq. (3) at the first scoring
    threshold_factor: float = 1.2  #: its growth at each scoring
    threshold_max: float = 0.9  #: where its growth ends
    threshold_grows: tuple[str, ...] | None = None  #: modalities whose delta grows; None for all (row 2)
    candidates_in_scoring: str = "all"  #: ``all`` entities, or ``test`` counterparts and gold partners (row 4)
    freezing: str = "gradient"  #: Eq. (6), ``row`` (only the feature's own row of a loss is dropped, row 7) or ``off``
    thaw: bool = True  #: whether a frozen feature may come back (row 6)
    #: ``weights`` (Eq. 8), ``keep`` or drop (row 1), ``none`` (plain concatenation), or ``evidence``: pairs are compared
    #: modality by modality, with reliabilities learnt from validation pairs
    fusion: str = "weights"
    #: L_CM in every step (Eq. 9, ``joint``), in ``stages`` with steps of its own (row 9), or ``off``
    cross_modality: str = "joint"
    cross_modality_over: str = "all"  #: ``all`` entities or the ``linked`` ones (row 10)
    cross_modality_negatives: str = "both"  #: ``both`` kinds or ``one`` (row 11)
    loss_weights: str = "fixed"  #: ``fixed``, or ``learned`` log-variances (row 12)
    symmetric: str = "joint"  #: ``joint`` log of Eq. (13) as printed, or the mean of ``separate`` logs (row 27)
    relation_counts: bool = False  #: bags of relations hold counts instead of presence (row 23)
    #: ``mask``, or ``bias``, a zero vector sent through its layer (row 24), or ``noise`` around the others' mean
    missing: str = "mask"


@dataclass(frozen=True)
class TrainingConfig:
    """How the model learns (4.1, A.4)."""

    #: share of the pairs known in advance; None: as is usual for the data set (row 18)
    train_share: float | None = None
    valid_share: float = 0.2  #: share of those set aside for early stopping (row 16: the released code has none)
    #: epoch chosen on ``valid`` pairs, on ``test`` pairs (row 16: optimistic) or the ``last`` one
    selection: str = "valid"
    epochs: int = 250  #: epochs on the seeds that are given
    batch_size: int = 3500  #: seeds, or entities of a side, in a batch
    lr: float = 1e-3  #: learning rate at its peak
    weight_decay: float = 1e-4  #: of AdamW
    clip: float = 1.1  #: largest norm of the gradient
    warmup: float = 0.15  #: share of the steps in which the rate rises
    accumulation: int = 1  #: batches that make a step
    #: ``cosine`` over the steps that the seeds make; ``wrong_count``: their number as the released code counts it (row 19);
    #: ``epochs``: cosine over the epochs, so that it does not end early when pairs are added
    schedule: str = "cosine"
    dtype: str = "float32"  #: or ``bfloat16`` for the large products of the losses (for GPUs with such units)
    compile: bool = False  #: let PyTorch compile the losses (a minute at the first step; for long runs on a GPU)
    evaluate_every: int = 10  #: epochs between two validations
    patience: int = 5  #: validations without gain before a phase stops
    iterative_epochs: int = 0  #: epochs of iterative learning that follow; 0 for none
    iterative_every: int = 5  #: epochs between two rounds of it
    probation: int = 10  #: rounds that a pair must pass (row 22); with ``evidence`` it must be probable instead
    fanout: int = 0  #: neighbours drawn per entity and layer, for graphs too large for all of them; 0 for all
    seed: int = 0  #: random seed of split, initial weights and batches


@dataclass(frozen=True)
class MatchingConfig:
    """How embeddings are compared and pairs decided (3.5)."""

    similarity: str = "cosine"  #: or the unnormalised ``dot`` product (row 14), or minus the ``euclidean`` distance
    csls_k: int = 3  #: neighbours of CSLS
    csls_rounds: int = 0  #: how often it is applied (row 14)
    candidates: str = "test"  #: in evaluation, the ``test`` counterparts or ``all`` entities of the other graph
    #: how pairs are decided, see ``matching.MATCHERS``; the released code's is ``row`` (row 15)
    matching: str = "greedy"


@dataclass(frozen=True)
class PMFConfig(ModelConfig, TrainingConfig, MatchingConfig):
    """Configuration of a run: all fields of the three groups. A value that its field cannot have is a ValueError.

    Example:
        >>> PRESETS["recommended"].replace(epochs=30, seed=1).dim
        128
    """

    def __post_init__(self):
        check_settings(self, CHOICES)

    def replace(self, **changes) -> PMFConfig:
        """This configuration with some fields changed."""
        unknown = changes.keys() - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"no such field of the configuration: {ascii(', '.join(sorted(unknown)))[1:-1]}")
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
        """The configuration that :meth:`to_json` wrote; an OtherRun error if it is of another version of the package."""
        values = json.loads(text)
        if "format" in values:
            check_format(values, "config.json")
            del values["format"]
        return PRESETS["paper"].replace(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


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
    "schedule": SCHEDULES,
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
# How it was chosen, and where figures on test pairs had been seen: `tests/benchmarks/recommended.py`.
PRESETS["recommended"] = PRESETS["paper"].replace(
    model="mixture", relation_counts=True, scoring="off", freezing="off", fusion="evidence", cross_modality="off", symmetric="separate",
    csls_rounds=1, matching="sinkhorn", dim=128, batch_size=5000, lr=5e-3, epochs=30, evaluate_every=15, iterative_epochs=15, schedule="epochs",
)  # fmt: skip

#: What a chapter computes at each scale: seconds for a test, about a minute on two cores, a GPU.
SCALES = {
    "smoke": PRESETS["quick"].replace(dim=32, epochs=12, scoring_start=2, scoring_end=8, evaluate_every=3),
    "quick": PRESETS["quick"],
    "full": PRESETS["paper"],
}
