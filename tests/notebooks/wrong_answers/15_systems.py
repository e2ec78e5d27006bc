"""Wrong answers to this chapter's exercises, each with words that the check cell must say to it."""

PRESENCE = """
class Presence(System):
    def weights(self, embeddings, rows=slice(None)):
        {weights}

    def losses(self, pairs, entities=None):
        h, rows, left, right = self.batch(pairs)
        z = self.joint(h, rows)
        loss = alignment_loss(z[left], z[right], 0.1, 'separate').mean()
        return {losses}

SYSTEMS['presence'] = Presence
"""
LOOSE = "here = super().weights(embeddings); n = sum(here.values()); return {m: x / n for m, x in here.items()}"
SHARE = "here = super().weights(embeddings, rows); n = sum(here.values()); return {m: x / n for m, x in here.items()}"
AS_IT_IS = "return super().weights(embeddings, rows)"

WRONG = [
    [
        ("raw = [1 / 2, 1 / 6, 1 / 6, 1 / 6]", "Those are the weights"),
        ("raw = [3, 0, 0, 0]", "e^3 is 20"),
        ("raw = [1, 0]", "Four numbers"),
    ],
    [
        ("strongest = lambda M: math.exp(M) / (math.exp(M) + M - 1)", "divide what is received"),
        ("strongest = lambda M: math.e / (math.e + M - 1)", "receives M, not 1"),
        ("strongest = lambda M: 1", "That is the attention"),
    ],
    [
        (
            "d = mean['MEAformer'] - mean[PLAIN]\ngain = d[d.index.str.startswith('synthetic')].mean()",
            "Subtract that of the emoji",
        ),
        (
            "d = mean['MEAformer'] - mean[PLAIN]\n"
            "gain = d[d.index.str.startswith('emoji')].mean() - d[d.index.str.startswith('synthetic')].mean()",
            "The sign",
        ),
        ("gain = mean['MEAformer'] - mean[PLAIN]", "One number"),
    ],
    [
        (PRESENCE.format(weights=AS_IT_IS, losses="{('joint',): loss}"), "must add up to 1"),
        (PRESENCE.format(weights=LOOSE, losses="{('joint',): loss}"), "keep to the rows"),
        (PRESENCE.format(weights=SHARE, losses="{('all',): loss}"), "named joint"),
        (PRESENCE.format(weights=SHARE, losses="{'joint': loss}"), "named joint"),
    ],
]
