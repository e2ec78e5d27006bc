"""Train the run that the page book/explore.md plays with, and keep its embeddings in book/_static/explore/data.js.

    python book/tools/explore_data.py

The plain model learns to align emoji/fr_en. Sixty of its test pairs are kept, twelve families of look-alikes, with their
embeddings in each modality at five points of the run, as whole numbers of eight bits: only their direction is used. On one
machine two runs give the same bytes. Then run book/tools/explore.py, which makes from them what the page shows in print.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from pmf_minimal import SCALES, fit, load
from pmf_minimal.beyond.calibration import calibrate, match_zscores
from pmf_minimal.datasets.faults import corrupt
from pmf_minimal.model import PMF
from pmf_minimal.relevance import best_match

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "book" / "_static" / "explore"
DATA = FOLDER / "data.js"
DATASET, SEED = "emoji/fr_en", 0
# The yardstick of the chapters on the method, narrower so that the page stays small.
CONFIG = SCALES["quick"].replace(
    scoring="off", freezing="off", fusion="none", cross_modality="off", dim=64, seed=SEED,
    selection="last",
)  # fmt: skip
EPOCHS = (0, 5, 10, 20, 40)
# Each with the four test pairs whose given pictures, of both vendors, are most like its own.
FAMILIES = (
    "cat", "tiger face", "duck", "shark", "honeybee", "sunflower", "strawberry", "hamburger", "tram", "red heart",
    "three o’clock", "grinning face",
)  # fmt: skip
START, END = "window.EXPLORE = ", ";\n"


@dataclass(frozen=True)
class Stored:
    """What the page holds, as tensors; entities are the left ones, then the right ones, n each.

    Attributes:
        names: of the left and of the right entities.
        uris: likewise.
        counterpart: int64 ``[n]``, which right entity belongs to each left one.
        corrupted: 48 bad pictures, as the page's address writes them.
        epochs: points of the run.
        embeddings: int8 ``[points, modalities, 2 n, d]``.
        noise: int8 ``[points, 2 n, d]``, what the picture of each entity becomes if it is noise.
        temperatures: float64 ``[points, modalities]``, tau of the evidence.
        reliability: float64 ``[points, modalities, 2 n]``; noise_reliability ``[points, 2 n]``.
    """

    names: list
    uris: list
    counterpart: torch.Tensor
    corrupted: str
    epochs: list
    embeddings: torch.Tensor
    noise: torch.Tensor
    temperatures: torch.Tensor
    reliability: torch.Tensor
    noise_reliability: torch.Tensor

    def text(self):
        """As data.js holds it."""
        embeddings = [[_base64(x) for x in point] for point in self.embeddings]
        values = {
            "names": self.names, "uris": self.uris, "counterpart": self.counterpart.tolist(),
            "corrupted": self.corrupted, "epochs": self.epochs,
            "dim": self.noise.shape[2], "temperatures": self.temperatures.tolist(),
            "reliability": self.reliability.tolist(), "noise_reliability": self.noise_reliability.tolist(),
            "embeddings": embeddings, "noise": [_base64(x) for x in self.noise],
        }  # fmt: skip
        return START + json.dumps(values, ensure_ascii=False, separators=(",", ":")) + END

    @classmethod
    def read(cls, path=DATA):
        """From data.js."""
        values = json.loads(path.read_text(encoding="utf-8").removeprefix(START).removesuffix(END))
        d = values.pop("dim")
        values["embeddings"] = torch.stack(
            [torch.stack([_rows(text, d) for text in point]) for point in values["embeddings"]]
        )
        values["noise"] = torch.stack([_rows(text, d) for text in values["noise"]])
        for name in ("temperatures", "reliability", "noise_reliability"):
            values[name] = torch.tensor(values[name], dtype=torch.float64)
        return cls(**values | {"counterpart": torch.tensor(values["counterpart"])})


def _base64(x):
    return base64.b64encode(x.numpy().tobytes()).decode()


def _rows(text, d):
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.int8).reshape(-1, d).copy())


def choose(graphs):
    """Sixty test pairs, int64 ``[60, 2]``, family by family."""
    pairs = graphs.test
    names = [graphs.entity_names[row] for row in pairs[:, 1]]
    picture = normalize(graphs.features["image"])
    everything = torch.stack([graphs.mask(m) for m in graphs.modalities]).all(dim=0)
    free = everything[pairs].all(dim=1)
    chosen = []
    for name in FAMILIES:
        like = (picture[pairs] * picture[pairs[names.index(name)]]).sum(dim=(1, 2))
        family = like.masked_fill(~free, -torch.inf).topk(5).indices
        free[family] = False
        chosen.append(pairs[family])
    return torch.cat(chosen)


def corrupt_some(n, generator):
    """Two fifths of each graph's pictures, eighteen as noise and six swapped in pairs: ``3n.7-9.9-7`` and so on."""
    edits = {}
    for start in (0, n):
        drawn = (torch.randperm(n, generator=generator)[:24] + start).tolist()
        edits |= {e: f"{e}n" for e in drawn[:18]}
        for a, b in zip(drawn[18::2], drawn[19::2], strict=True):
            edits |= {a: f"{a}-{b}", b: f"{b}-{a}"}
    return ".".join(edits[e] for e in sorted(edits))


def train():
    """A run of the plain model and what is kept of it."""
    torch.set_num_threads(1)
    graphs = load(DATASET).split(SEED)
    pairs = choose(graphs)
    noisy = corrupt(graphs, "image", foreign=1.0, seed=SEED)
    # The right entities in random order, or ties would go to the counterpart, which would stand in the same place.
    generator = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(pairs), generator=generator)
    rows = torch.cat([pairs[:, 0], pairs[order, 1]])
    points = []

    def keep(model):
        points.append(_point(model, graphs, noisy, rows))

    keep(PMF(graphs, CONFIG))
    fit(
        graphs, CONFIG, "cpu", progress=False,
        callback=lambda training: keep(training.model) if training.epoch in EPOCHS else None,
    )  # fmt: skip
    embeddings, noise, temperatures, reliability, noise_reliability = map(torch.stack, zip(*points, strict=True))
    half = len(pairs)
    return Stored(
        names=[[graphs.entity_names[r] for r in side] for side in (rows[:half], rows[half:])],
        uris=[[graphs.uris[r] for r in side] for side in (rows[:half], rows[half:])],
        counterpart=order.argsort(), corrupted=corrupt_some(half, generator), epochs=list(EPOCHS), embeddings=embeddings, noise=noise,
        temperatures=temperatures, reliability=reliability, noise_reliability=noise_reliability,
    )  # fmt: skip


@torch.no_grad()
def _point(model, graphs, noisy, rows):
    """Of one point of the run: embeddings, those of noise, temperatures, reliabilities, those of noise."""
    h = model.encode()
    known = match_zscores(graphs.features, graphs)
    temperatures, reliability = calibrate(h, graphs, SEED, known)
    noise = model.encoders["image"](noisy.features["image"], rows)
    # Noise is as reliable as its own best match says, by the run's a and b, which two pictures of the sixty pairs tell.
    z, w = known["image"][rows].double(), reliability["image"][rows].double()
    low, high = z.argsort()[[len(rows) // 4, -len(rows) // 4]]
    a = (w[high].logit() - w[low].logit()) / (z[high] - z[low])
    noise_w = torch.sigmoid(w[low].logit() + a * (_noise_zscores(graphs, noisy)[rows].double() - z[low]))
    stacked = torch.stack([reliability[m][rows].double() for m in model.modalities])
    return (
        torch.stack([_whole(h[m][rows]) for m in model.modalities]), _whole(noise), temperatures.double().round(decimals=6),
        stacked.round(decimals=5), noise_w.round(decimals=5),
    )  # fmt: skip


def _noise_zscores(graphs, noisy):
    """What match_zscores would say of each entity if its picture, and no other, were noise; float ``[N]``."""
    out = torch.zeros(graphs.num_nodes)
    left, right = (side.nonzero().ravel() + k * graphs.n_left for k, side in enumerate(graphs.side("image")))
    own, noise = graphs.features["image"], noisy.features["image"]
    whole = best_match(own[left], own[right])
    alone = best_match(noise[left], own[right])[0], best_match(own[left], noise[right])[1]
    for mine, alpha, of_noise in zip((left, right), whole, alone, strict=True):
        out[mine] = (of_noise - alpha.mean()) / alpha.std()
    return out


def _whole(x):
    """Rows as whole numbers of eight bits, the largest of each row 127."""
    return (x / x.abs().amax(dim=1, keepdim=True) * 127).round().to(torch.int8)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    DATA.write_text(train().text(), encoding="utf-8", newline="\n")
    print(f"{DATA}: {DATA.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
