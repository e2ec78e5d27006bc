"""How joint embeddings are compared: what a way of fusion can replace (see ``fusion.FUSIONS``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from pmf_minimal.scale.blockwise import PairScores, Similarities

if TYPE_CHECKING:
    from pmf_minimal.config import MatchingConfig
    from pmf_minimal.model import EntityAligner


class Comparison(nn.Module):
    """How joint embeddings are compared: by the similarity that the configuration names.

    Args:
        model: the model whose embeddings they are.

    Attributes:
        learns: whether :meth:`calibrate` changes anything.
    """

    learns = False

    def __init__(self, model: EntityAligner):
        super().__init__()

    def pair_scores(self, left: Tensor, right: Tensor, config: MatchingConfig) -> PairScores:
        """Scores of float ``[n, ·]`` against ``[n', ·]`` joint embeddings."""
        return Similarities(left, right, config.similarity, config.csls_k, config.csls_rounds)

    def calibrate(self, model: EntityAligner) -> None:
        """Learn from the validation pairs how reliable what was learnt is; here there is nothing to learn."""

    def diagnostics(self, model: EntityAligner) -> dict[str, float]:
        """Measures of this comparison beyond the common ones, on the test pairs."""
        return {}

    def would_freeze(self, model: EntityAligner, modality: str) -> Tensor | None:
        """bool ``[N]``: features that this comparison finds useless, if it freezes nothing itself."""
        return None
