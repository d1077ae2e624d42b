"""Maps over tokens into a label for each pixel."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

# Resized values held at a time. On a CPU they stay in its cache, which makes the whole several times faster.
_CPU_VALUES = 1 << 20
_DEVICE_VALUES = 1 << 26


@torch.no_grad()
def label_map(
    attention: Float[Tensor, "b n m"],
    *,
    grid: tuple[int, int],
    size: tuple[int, int],
    kept: Bool[Tensor, "b n"] | None = None,
) -> Int64[Tensor, "b H W"]:
    """Strongest slot of each pixel: maps resized bilinearly, then argmax over kept slots (method, section 5).

    Args:
        attention: one map a slot; tokens row by row.
        grid: rows and columns of tokens, m = rows x columns.
        size: height and width wanted, in pixels.
        kept: the slots that may win a pixel, at least one in each image; all if None.

    Returns:
        Index of the winning slot, the lower one of two that are equal.
    """
    b, n, _ = attention.shape
    labels = torch.empty(b, *size, dtype=torch.int64, device=attention.device)
    values = _CPU_VALUES if attention.device.type == "cpu" else _DEVICE_VALUES
    images = max(1, values // max(1, n * size[0] * size[1]))
    for start in range(0, b, images):
        part = slice(start, start + images)
        maps = attention[part].float().reshape(-1, n, *grid)
        large = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
        labels[part] = strongest(large, None if kept is None else kept[part])
    return labels


def strongest(maps: Float[Tensor, "b n H W"], kept: Bool[Tensor, "b n"] | None) -> Int64[Tensor, "b H W"]:
    """Index of the largest map at each pixel among kept slots, the lower one of two that are equal.

    Args:
        maps: one a slot; those of slots that are not kept are overwritten.
        kept: the slots that may win a pixel; all if None.
    """
    if kept is not None:  # only now: -inf times a weight of 0 would be NaN, which beats everything
        maps.masked_fill_(~kept[..., None, None], -torch.inf)
    return maps.max(dim=1).indices  # several times faster than argmax on a CPU
