"""How relevant is a modality of an entity for the alignment? (paper, section 3.3.1)

The idea: a feature that resembles nothing in the other graph cannot help to find the counterpart there.

Eq. (2)  W_m = SCORE(G_m, G'_m)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale.kernels import best_products


@torch.no_grad()
def best_match(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Best cosine of every entity against the other graph.

    Eq. (4)  alpha_i^m = max over e_k in E' of cos(h_i^m, h_k^m), and the mirror image for E'

    Args:
        left, right: float ``[n, d]`` and ``[n', d]``, embeddings of one modality, of the entities that have it.

    Returns:
        alpha of the left ``[n]`` and of the right entities ``[n']``, in [-1, 1]; -1 where the other graph is empty.
    """
    left, right = normalize(left), normalize(right)
    if not (len(left) and len(right)):
        return left.new_full((len(left),), -1.0), right.new_full((len(right),), -1.0)
    # One product serves both directions: the best of each row and the best of each column.
    alpha_left, alpha_right = best_products(left, right)
    return alpha_left.clamp(-1, 1), alpha_right.clamp(-1, 1)


def relevance(alpha: Tensor, threshold: float) -> Tensor:
    """Score of every entity of one graph from its best match.

    Eq. (3)  w_i^m = ReLU( (alpha_i^m - delta) / (max_j alpha_j^m - delta) )

    From the best matches float ``[n]`` of the entities of one graph, and delta: float ``[n]`` in [0, 1]. Where no alpha
    exceeds delta the quotient would divide by zero or turn its sign (row 5), so there all scores are 0.
    """
    if len(alpha) == 0 or alpha.max() <= threshold:
        return torch.zeros_like(alpha)
    return torch.relu((alpha - threshold) / (alpha.max() - threshold))


def score(embedding: Tensor, mask: Tensor, n_left: int, threshold: float) -> Tensor:
    """Relevance of one modality for all entities of both graphs.

    Eq. (2)  W_m = SCORE(G_m, G'_m)

    From embeddings float ``[N, d]`` and their mask bool ``[N]``, of which the right graph begins at ``n_left``: float ``[N]`` in
    [0, 1], without gradient. Entities without the feature are compared with nothing and score 0.
    """
    w = embedding.new_zeros(len(embedding))
    left, right = (torch.nonzero(side).ravel() for side in (mask[:n_left], mask[n_left:]))
    right = right + n_left
    alpha_left, alpha_right = best_match(embedding[left], embedding[right])
    w[left], w[right] = relevance(alpha_left, threshold), relevance(alpha_right, threshold)
    return w


class BestMatch:
    """Eq. (3) and (4): every feature against all of the other graph."""

    def __call__(
        self, h: Tensor, modality: str, graphs: GraphPair, threshold: float, generator: torch.Generator
    ) -> Tensor:
        """Scores of one modality, float ``[N]``, from its embeddings ``[N, d]``; 0 where the feature is missing."""
        return score(h, graphs.mask(modality), graphs.n_left, threshold)


#: ``PMFConfig.candidates_in_scoring`` -> scorer.
SCORING_CANDIDATES = {"all": BestMatch(), "test": "pmf_minimal.beyond.released:LINKED_BEST_MATCH"}
#: ``PMFConfig.scorer`` -> what is made of that scorer.
SCORERS = {
    "best_match": lambda scorer: scorer,
    "shuffled": "pmf_minimal.beyond.controls:Shuffled",
    "oracle": "pmf_minimal.beyond.controls:Oracle",
}
