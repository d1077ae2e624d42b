"""The pictures of docs/method.md: one scene's way through the shipped model.

python demo/explain.py docs/pictures

The scene is not picked by eye: it is the first test scene in which two slots are merged away. Needs a model
with reduction after its usual number of rounds, a fixed threshold, and the random-order decoder.
"""

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from scipy.cluster.hierarchy import dendrogram as draw_tree
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from dias import load
from dias.backbones import Tokens
from dias.data.samples import ImageSource
from dias.data.sources import pictures_at
from dias.data.transforms import as_tensor, centre_view, look
from dias.masks.resize import label_map
from dias.models import ImageModel, SlotOutput
from dias.nn.decoders import RandomARDecoder
from dias.nn.slots.dendrogram import cosine_distance
from dias.viz import colours, contact_sheet, overlay

WEIGHTS, SCENES = "data/models/scenes-cpu.safetensors", "data/scenes/test"
CELL = 144  # pixels of a picture on a sheet
SEED = 0  # of the queries, and of the order of decoding
MERGED = 2  # slots that are merged away in the scene shown
KNOWN = (0, 24, 128)  # tokens that are given; floor(0.1 * 256) - 1 is the second
Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A scene, and what the model says of it; `plain` merges nothing."""

    picture: Picture
    tokens: Tokens
    plain: SlotOutput
    final: SlotOutput

    def drawn(self, attention: Float[Tensor, "1 n m"], kept: Bool[Tensor, "1 n"] | None = None) -> Picture:
        """The picture under the colours of the slots that win its pixels."""
        labels = label_map(attention, grid=self.tokens.grid, size=self.picture.shape[:2], kept=kept)[
            0
        ].numpy()
        return overlay(self.picture, labels, palette=colours(attention.shape[1]))


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--weights", default=WEIGHTS)
    parser.add_argument("--scenes", default=SCENES)
    given = parser.parse_args()
    draw(load(given.weights, device="cpu"), pictures_at(given.scenes), given.out)


@torch.inference_mode()
def draw(model: ImageModel, scenes: ImageSource, out: Path) -> None:
    """Write every picture into a folder."""
    matplotlib.use("Agg")
    out.mkdir(parents=True, exist_ok=True)
    seen, other = chosen(model, scenes)
    pictures = {
        "encoding": encoding(seen),
        "rounds": rounds(seen),
        "maps": maps(seen),
        "tree": tree(seen, threshold=model.config.aggregation.distance),
        "decoding": decoding(model, seen, other),
    }
    for name, picture in pictures.items():
        Image.fromarray(picture).save(out / f"{name}.webp", quality=85, method=6)


def chosen(model: ImageModel, scenes: ImageSource) -> tuple[Seen, Seen]:
    """The first scene in which `MERGED` slots are merged away (else the last), and its neighbour."""
    seen = other = see(model, scenes, 0)
    for index in range(1, len(scenes)):
        other, seen = seen, see(model, scenes, index)
        if int((~seen.final.mask).sum()) == MERGED:
            break
    return seen, other


def see(model: ImageModel, scenes: ImageSource, index: int) -> Seen:
    """Run the model twice from the same queries: as it is, and without merging anything."""
    assert model.backbone is not None
    image = scenes[index]
    shown = look(image, centre_view(*image.image.shape[:2], size=model.backbone.input_size or 224)).image
    tokens = model.eval().see(as_tensor(shown)[None])
    queries = model.queries(1, generator=torch.Generator().manual_seed(SEED))
    plain = model.from_tokens(tokens, queries, reduce=False)
    return Seen(picture=shown, tokens=tokens, plain=plain, final=model.from_tokens(tokens, queries))


def encoding(seen: Seen) -> Picture:
    """The picture, the grid, and the features' first three principal components as red, green and blue."""
    (rows, columns), features = seen.tokens.grid, seen.tokens.features[0].double()
    centred = features - features.mean(dim=0)
    main = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:3].T
    low, high = main.quantile(0.02, dim=0), main.quantile(0.98, dim=0)
    coloured = ((main - low) / (high - low)).clamp(0, 1).reshape(rows, columns, 3).numpy()
    shown = _large((255 * coloured).astype(np.uint8), seen.picture)
    return contact_sheet(
        [[seen.picture, _gridded(seen.picture, seen.tokens.grid), shown]],
        titles=["picture", f"{rows} x {columns} tokens", f"what they hold (3 of {features.shape[1]})"],
        size=2 * CELL,
    )


def rounds(seen: Seen) -> Picture:
    """Who wins each pixel: first round, last one without merging, after merging, and by the decoder."""
    plain, final = seen.plain, seen.final
    assert final.decoder_attention is not None
    pictures = [
        seen.picture,
        seen.drawn(plain.attention[0]),
        seen.drawn(plain.attention[-1]),
        seen.drawn(final.attention[-1], final.mask),
        seen.drawn(final.decoder_attention, final.mask),
    ]
    kept = int(final.mask.sum())
    all_slots, last = final.mask.numel(), len(plain.attention)
    titles = ["picture", "round 1", f"round {last}: {all_slots} slots", f"merged: {kept} slots", "decoder"]
    return contact_sheet([pictures], titles=titles, size=round(1.25 * CELL))


def maps(seen: Seen) -> Picture:
    """Every slot's attention in its colour: a row a round, a column a slot; the last row after merging."""
    plain, final = seen.plain, seen.final
    rows = [plain.attention[0], plain.attention[-1], final.attention[-1]]
    names = [f"slot {index + 1}" for index in range(plain.slots.shape[1])]
    return contact_sheet(
        [[_map(seen, attention[0, slot], slot) for slot in range(len(names))] for attention in rows],
        titles=names,
        row_titles=["round 1", f"round {len(plain.attention)}", "one more round, from the merged slots"],
        size=CELL,
    )


def tree(seen: Seen, *, threshold: float) -> Picture:
    """The order in which slots would be merged, the slots' maps below, and where the tree is cut."""
    slots = seen.plain.slots
    distance = cosine_distance(slots, torch.ones(slots.shape[:2], dtype=torch.bool))[0].fill_diagonal_(0)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 4.4), dpi=110, height_ratios=(2.4, 1), layout="constrained"
    )
    drawn = draw_tree(
        linkage(squareform(distance.numpy(), checks=False), method="complete"),
        ax=above,
        no_labels=True,
        color_threshold=0,
        above_threshold_color="0.25",
    )
    above.axhline(threshold, color="#d55e00", linestyle="--", linewidth=1.2)
    right = above.get_yaxis_transform()
    above.text(1.005, threshold, f"cut: {threshold:g}", color="#d55e00", va="center", transform=right)
    above.set_ylabel("cosine distance")
    above.spines[["top", "right", "bottom"]].set_visible(False)
    below.set(xlim=above.get_xlim(), ylim=(0, 1), yticks=[], xticks=[])
    below.spines[:].set_visible(False)
    for place, slot in enumerate(drawn["leaves"]):
        thumbnail = below.inset_axes((10 * place + 0.5, 0, 9, 1), transform=below.transData)
        thumbnail.imshow(_map(seen, seen.plain.attention[-1][0, slot], slot))
        thumbnail.set_axis_off()
        thumbnail.set_title(f"slot {slot + 1}", fontsize=9)
    return _rendered(figure)


def decoding(model: ImageModel, seen: Seen, other: Seen) -> Picture:
    """What is given in a random order, and how far what is predicted is from the truth."""
    decoder = model.decoder
    assert isinstance(decoder, RandomARDecoder)
    assert seen.final.target is not None
    truth = seen.final.target.tokens
    order = torch.rand(truth.shape[1], generator=torch.Generator().manual_seed(SEED)).argsort()
    rows = []
    for count in KNOWN:
        known = torch.zeros(1, truth.shape[1], dtype=torch.bool)
        known[0, order[:count]] = True
        errors = [
            (_predicted(decoder, one.final, truth, known) - truth).square().mean(dim=2)[0]
            for one in (seen, other)
        ]
        rows.append([_given(seen, known[0]), *(_heat(seen, error) for error in errors)])
    titles = ["tokens that are given", "error, own slots", "error, another scene's slots"]
    names = [f"{count} of {truth.shape[1]} tokens given" for count in KNOWN]
    return contact_sheet(rows, titles=titles, row_titles=names, size=round(1.5 * CELL))


def _predicted(
    decoder: RandomARDecoder,
    found: SlotOutput,
    truth: Float[Tensor, "1 m c"],
    known: Bool[Tensor, "1 m"],
) -> Float[Tensor, "1 m c"]:
    """What the decoder makes of slots and known tokens, as it does in training."""
    tokens = torch.where(known[..., None], decoder.token_in(truth), decoder.mask_token)
    x, memory = decoder.norm_in(tokens + decoder.positions), decoder.slot_in(found.slots)
    for layer in decoder.layers:
        x = layer(x, memory, found.mask)
    return decoder.out(x)


_WORST = 2.0


def _heat(seen: Seen, error: Float[Tensor, " m"]) -> Picture:
    shares = (error / _WORST).clamp(0, 1).reshape(seen.tokens.grid).numpy()
    return _large((255 * plt.get_cmap("inferno")(shares)[..., :3]).astype(np.uint8), seen.picture)


def _given(seen: Seen, known: Bool[Tensor, " m"]) -> Picture:
    there = _large(np.uint8(known.reshape(seen.tokens.grid).numpy()), seen.picture)[..., None]
    hidden = seen.picture // 8 + 28
    return np.where(there > 0, seen.picture, hidden).astype(np.uint8)


def _map(seen: Seen, attention: Float[Tensor, " m"], slot: int) -> Picture:
    """The picture in grey, in the slot's colour where the slot attends."""
    share = attention.reshape(seen.tokens.grid).numpy()
    share = np.asarray(Image.fromarray(share).resize(seen.picture.shape[1::-1], Image.Resampling.BILINEAR))
    grey = seen.picture.mean(axis=2, keepdims=True) * 0.35 + 20
    paint = colours(slot + 1)[slot] * (0.45 + 0.55 * seen.picture.mean(axis=2, keepdims=True) / 255)
    return (grey + share[..., None] * (paint - grey)).clip(0, 255).astype(np.uint8)


def _large(cells: UInt8[np.ndarray, "..."], picture: Picture) -> UInt8[np.ndarray, "..."]:
    return np.asarray(Image.fromarray(cells).resize(picture.shape[1::-1], Image.Resampling.NEAREST))


def _gridded(picture: Picture, grid: tuple[int, int]) -> Picture:
    """Light lines between the patches that become tokens."""
    drawn = picture.copy()
    for axis, count in enumerate(grid):
        lines = np.linspace(0, picture.shape[axis], count + 1)[1:-1].round().astype(int)
        index = (lines, slice(None)) if axis == 0 else (slice(None), lines)
        drawn[index] = 255 - (255 - drawn[index]) // 3
    return drawn


def _rendered(figure: Figure) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    plt.close(figure)
    return np.asarray(Image.open(stream).convert("RGB"))


if __name__ == "__main__":
    main()
