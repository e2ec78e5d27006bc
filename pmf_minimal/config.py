"""Every choice that a run can make, in one place, with the paper's and the released code's answers as presets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace

#: beta of Eq. (11) per modality (appendix A.4); name and char, which the paper does not list, as the other texts.
BETA = {"structure": 0.1, "relation": 0.1, "attribute": 0.1, "image": 10.0, "name": 0.1, "char": 0.1}


@dataclass(frozen=True)
class PMFConfig:
    """Configuration of a run. Rows are those of the book's table of differences between paper and released code.

    Attributes:
        model: ``pmf`` or the name of a baseline.
        ablate: takes away what the model is named for, for its ablation.
        modalities: which of the graphs' modalities to use; those that the data lack are left out. One of
            your own is known by its entry in ``beta`` (see :meth:`with_modalities`).
        dim: width d of every modality's embedding (A.4: 300).
        train_share: share of pairs known in advance; None takes the data set's custom (row 18).
        valid_share: share of those set aside for early stopping (row 16: the released code has none).
        temperature: tau of Eq. (10) and (12); below 0.025 the sums would underflow in float32.
        beta: modality -> weight in Eq. (11).
        scoring: ``progressive``, ``static`` (once), ``random`` (the true scores dealt out at random), ``oracle``
            (the known truth) or ``off`` (every present feature counts 1).
        scoring_start, scoring_end: first and last epoch that may score.
        threshold_start, threshold_factor, threshold_max: delta of Eq. (3) and its growth.
        threshold_grows: modalities whose delta grows; None for all (row 2).
        candidates_in_scoring: ``all`` entities or the ``test`` counterparts and gold partners (row 4); iterative learning
            looks for new pairs among the same.
        freezing: ``gradient`` (Eq. 6), ``row`` (only the feature's own row of a loss is dropped, row 7) or ``off``.
        thaw: whether a frozen feature may come back (row 6).
        fusion: ``weights`` (Eq. 8), ``keep`` (keep or drop, row 1), ``none`` (plain concatenation), or ``evidence``: pairs are
            compared modality by modality, with trust learnt from validation pairs (chapter 19).
        cross_modality: L_CM in every step (``joint``, Eq. 9), in ``stages``: with steps of its own, only after the last
            scoring (row 9), or ``off``.
        cross_modality_over: ``all`` entities or the ``linked`` ones (row 10).
        cross_modality_negatives: ``both`` kinds or ``one`` (row 11).
        loss_weights: ``fixed`` or ``learned`` log-variances (row 12).
        symmetric: ``joint`` log of Eq. (13) as printed, or the mean of ``separate`` logs (row 27).
        relation_counts: bags of relations hold counts instead of presence (row 23).
        missing: ``mask``, or ``bias``: a missing image is a zero vector sent through its layer (row 24), or ``noise``: it is drawn
            around the mean of the others, as most baselines' code has it.
        similarity: ``cosine``, the unnormalised ``dot`` product (row 14), or minus the ``euclidean`` distance.
        csls_k, csls_rounds: neighbours of CSLS and how often it is applied; 0 rounds for none (row 14).
        candidates: in evaluation, the ``test`` counterparts or ``all`` entities of the other graph.
        selection: epoch chosen on ``valid`` pairs, on ``test`` pairs (row 16: optimistic) or the ``last`` one.
        epochs, batch_size, lr, weight_decay, clip, warmup, accumulation: optimisation (4.1, A.4).
        schedule: ``cosine`` over the steps that the seeds make; ``wrong_count``: their number as the released code counts it (row
            19); ``epochs``: cosine over the epochs, so that it does not end early when pairs are added (chapter 19).
        dtype: ``float32``, or ``bfloat16`` for the large products of the losses (for GPUs with such units).
        compile: let PyTorch compile the losses (a minute at the first step; for long runs on a GPU).
        matching: how ``matches.csv`` decides: ``greedy``, ``greedy_in_order``, ``mutual``, ``optimal``, every ``row`` on
            its own (row 15), or ``approximate``: greedy among neighbours that an index finds (needs faiss).
        evaluate_every, patience: epochs between looks at the validation pairs, and looks without gain before stopping.
        iterative_epochs: epochs of iterative learning that follow; 0 for none.
        iterative_every, probation: epochs between two rounds of it, and rounds that a pair must pass (row 22); with
            ``fusion="evidence"`` it must be probable instead.
        fanout: neighbours that training draws per entity and layer, for graphs too large for all of them; 0 for all.
        seed: of split, initial weights and batches.
    """

    model: str = "pmf"
    ablate: bool = False
    modalities: tuple[str, ...] = ("structure", "relation", "attribute", "image")
    dim: int = 300
    train_share: float | None = None
    valid_share: float = 0.2
    temperature: float = 0.05
    beta: dict[str, float] = field(default_factory=lambda: dict(BETA))
    scoring: str = "progressive"
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
    similarity: str = "cosine"
    csls_k: int = 3
    csls_rounds: int = 0
    candidates: str = "test"
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
    matching: str = "greedy"
    evaluate_every: int = 10
    patience: int = 5
    iterative_epochs: int = 0
    iterative_every: int = 5
    probation: int = 10
    fanout: int = 0
    seed: int = 0

    def __post_init__(self):
        for f in fields(self):
            value, kind = getattr(self, f.name), type(f.default)
            fits = isinstance(value, int | float if kind is float else kind) and isinstance(value, bool) == (
                kind is bool
            )
            if kind in _KINDS and not fits:
                raise ValueError(f"{f.name}={value!r}: give {_KINDS[kind]}, such as {json.dumps(f.default)}")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)!r}: must be at least {least}")
        unknown = set(self.modalities) - self.beta.keys()
        if unknown or not self.modalities:
            raise ValueError(f"modalities={list(self.modalities)}: choose among {', '.join(self.beta)}")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {', '.join(map(str, known))}")

    def replace(self, **changes) -> PMFConfig:
        """This configuration with some fields changed."""
        unknown = changes.keys() - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"no such field of the configuration: {', '.join(sorted(unknown))}")
        return replace(self, **changes)

    def with_modalities(self, modalities: tuple[str, ...]) -> PMFConfig:
        """This configuration with these modalities; those of your own weigh in Eq. (11) like a text."""
        return self.replace(modalities=tuple(modalities), beta=dict.fromkeys(modalities, 0.1) | self.beta)

    def to_json(self) -> str:
        """All fields as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> PMFConfig:
        """The configuration that :meth:`to_json` wrote, or that ``config.json`` of a run holds.

        Raises:
            DataError: the file is of a newer version of the package.
        """
        from pmf_minimal.formats import check  # needs PyTorch, which the command line loads late

        values = json.loads(text)
        check(values, "config.json")
        values.pop("format", None)
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


#: Row by row what the authors' released code does, where a field can say it.
RELEASED = {
    "valid_share": 0.0,
    "threshold_grows": ("image",),
    "candidates_in_scoring": "test",
    "freezing": "row",
    "thaw": False,
    "fusion": "keep",
    "cross_modality": "stages",
    "cross_modality_over": "linked",
    "cross_modality_negatives": "one",
    "loss_weights": "learned",
    "symmetric": "separate",
    "relation_counts": True,
    "missing": "bias",
    "similarity": "dot",
    "csls_rounds": 2,
    "matching": "row",
    "selection": "test",
    "epochs": 100,
    "schedule": "wrong_count",
    "probation": 5,
}

_LEAST = dict.fromkeys(
    ("dim", "epochs", "batch_size", "accumulation", "evaluate_every", "iterative_every", "csls_k", "patience"), 1
)
_LEAST |= {"temperature": 0.025, "iterative_epochs": 0, "probation": 1, "scoring_start": 1, "fanout": 0}

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}

_CHOICES = {
    "scoring": ("progressive", "static", "random", "oracle", "off"),
    "candidates_in_scoring": ("all", "test"),
    "freezing": ("gradient", "row", "off"),
    "fusion": ("weights", "keep", "none", "evidence"),
    "cross_modality": ("joint", "stages", "off"),
    "cross_modality_over": ("all", "linked"),
    "cross_modality_negatives": ("both", "one"),
    "loss_weights": ("fixed", "learned"),
    "symmetric": ("joint", "separate"),
    "missing": ("mask", "bias", "noise"),
    "similarity": ("cosine", "dot", "euclidean"),
    "candidates": ("test", "all"),
    "selection": ("valid", "test", "last"),
    "schedule": ("cosine", "wrong_count", "epochs"),
    "dtype": ("float32", "bfloat16"),
    "matching": ("greedy", "greedy_in_order", "mutual", "optimal", "row", "approximate"),
}

PRESETS = {"paper": PMFConfig(), "released": PMFConfig(**RELEASED)}
PRESETS["quick"] = PRESETS["paper"].replace(
    dim=128,
    relation_counts=True,
    fusion="keep",
    threshold_grows=("image",),
    threshold_max=0.7,
    scoring_start=5,
    scoring_end=20,
    cross_modality="off",
    lr=5e-3,
    epochs=40,
    evaluate_every=5,
)

# What we recommend today: of eight settings the best in mean validation MRR over the four emoji pairs and OpenEA EN-FR, see
# book/tools/choose_default.py. It freezes nothing and leaves L_CM out. Pairs are compared by evidence, and those that are sure become seeds: chapter 19.
PRESETS["recommended"] = PRESETS["paper"].replace(
    relation_counts=True,
    scoring="off",
    freezing="off",
    fusion="evidence",
    cross_modality="off",
    symmetric="separate",
    csls_rounds=1,
    batch_size=1000,
    lr=5e-3,
    epochs=60,
    evaluate_every=5,
    iterative_epochs=30,
    patience=10,
    schedule="epochs",
)

#: What a chapter computes at each scale: seconds for a test, about a minute on two cores, a GPU.
SCALES = {
    "smoke": PRESETS["quick"].replace(dim=32, epochs=12, scoring_start=2, scoring_end=8, evaluate_every=3),
    "quick": PRESETS["quick"],
    "full": PRESETS["paper"],
}
