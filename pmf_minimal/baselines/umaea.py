"""UMAEA: imagines the images that are missing (Chen et al., ISWC 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from pmf_minimal.baselines.eva import EVA
from pmf_minimal.baselines.mclea import SOFT, distillation_loss
from pmf_minimal.baselines.meaformer import DROPOUT, MEAformer, contrast
from pmf_minimal.encoders import LinearEncoder
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair

#: When the second stage begins and when the third, in shares of the epochs: 250, 50 and 100 epochs in their code.
LEARN, USE = 0.625, 0.75


class Imagination(nn.Module):
    """A variational auto-encoder from all other modalities to the image's embedding.

        z ~ N(mu(x), sigma(x)^2),  x the other modalities of an entity in a row;  the image is z itself,  x^ = W z

    Source: Chen et al. (2023), missing modality hallucination. Their losses compare softmaxes over the coordinates, multiplied by
    6000; on vectors of unit length that is the cosine's work, which stands here.
    """

    def __init__(self, width: int, dim: int, generator: torch.Generator):
        super().__init__()
        self.mean, self.log_variance = LinearEncoder(width, dim, generator), LinearEncoder(width, dim, generator)
        self.back = LinearEncoder(dim, width, generator)

    def forward(self, x: Tensor) -> Tensor:
        """x ``[n, width]`` -> the most probable images ``[n, d]``."""
        return self.mean(x)

    def losses(self, x: Tensor, image: Tensor, has: Tensor, generator: torch.Generator) -> tuple[dict, Tensor]:
        """How well images ``[n, d]`` of those that have one (bool ``[n]``) and x itself are met; and the images drawn."""
        mean, log_variance = self.mean(x), self.log_variance(x)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator).to(x.device)
        divergence = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).mean()  # from N(0, 1), per coordinate
        rebuilt = (1 - cosine_similarity(self.back(z), x)).mean()
        met = (1 - cosine_similarity(z[has], image[has])).mean() if has.any() else z.sum() * 0
        return {("image imagined",): met, ("others rebuilt",): rebuilt, ("divergence",): divergence}, z


class UMAEA(MEAformer):
    """MEAformer's weights in the losses, global ones in prediction, and from the second stage on an image for every entity."""

    title = "UMAEA"
    ablated = "imagined images in the place of missing ones"
    published = MEAformer.published | {"lr": 4e-3, "epochs": 400}

    def __init__(self, graphs: GraphPair, config):
        super().__init__(graphs, config)
        self.raw_weight.requires_grad_(True)
        self.register_buffer("stage", torch.tensor(0))
        width = config.dim * (len(self.modalities) - 1)
        self.imagines = (not config.ablate) and "image" in self.modalities and width > 0
        if self.imagines:
            self.imagination = Imagination(width, config.dim, self.generator)
            self.register_buffer("seen", graphs.mask("image").cpu(), persistent=False)

    def begin_epoch(self, epoch: int, generator: torch.Generator) -> None:
        super().begin_epoch(epoch, generator)
        if self.imagines:
            done = (epoch - 1) / self.config.epochs
            self.stage.fill_(int(done >= LEARN) + int(done >= USE))

    @property
    def masks(self) -> dict[str, Tensor]:
        masks = super().masks
        return masks | {"image": torch.ones_like(masks["image"])} if self.stage else masks

    def encode(self, rows: Tensor | None = None) -> dict[str, Tensor]:
        h = super().encode(rows)
        if self.stage:
            seen = self.seen if rows is None else self.seen[rows]
            imagined = self.imagination(self._others(h))
            # In the third stage what imagines is left as it is.
            imagined = imagined if self.stage == 1 else imagined.detach()
            h["image"] = torch.where(seen[:, None], h["image"], imagined)
        return h

    def _others(self, h: dict[str, Tensor]) -> Tensor:
        """float ``[n, d · (M - 1)]``: all modalities but the image in a row, of unit length."""
        return normalize(torch.cat([normalize(x) for m, x in h.items() if m != "image"], dim=1))

    def weights(self, embeddings: dict[str, Tensor], rows: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        return EVA.weights(self, embeddings, rows)

    def losses(self, pairs: Tensor, entities=None) -> dict[tuple[str, ...], Tensor]:
        """Those of MEAformer, with a second joint embedding and pairs weighed by attention; in the second stage those of imagination."""
        h, rows, left, right = self.batch(pairs)
        hidden, attention = self.attend(h, rows, DROPOUT)
        out = {}
        for name, weights in ((("joint",), self.weights(h, rows)), (("joint", "by attention"), attention)):
            joint = fuse(h, weights)
            out[name] = contrast(joint[left], joint[right])
        for m, (i, j) in self.pairs_with_modality(rows, left, right).items():
            # A pair counts as much as the less certain of its sides, 1 on average.
            least = torch.minimum(attention[m][i], attention[m][j]) * len(h)
            out[m,] = contrast(h[m][i], h[m][j], least)
            out[m, "after attention"] = contrast(hidden[m][i], hidden[m][j])
        if self.stage == 1:
            others = self._others(h)
            parts, drawn = self.imagination.losses(others, h["image"], self.seen[rows], self.generator)
            out |= parts
            out["imagined images",] = contrast(drawn[left], drawn[right])
            pupil, teacher = (drawn[left], drawn[right]), (others[left], others[right])
            out["others to imagined",] = distillation_loss(pupil, teacher, SOFT)
        return out
