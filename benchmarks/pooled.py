"""Objects with means of frozen features in place of slots: what is known without a trained model."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64

from dias.backbones import Backbone
from dias.data.samples import ImageSample
from dias.data.transforms import as_tensor, centre_view, look
from dias.evaluation.clustering import cluster_maps, kmeans
from dias.evaluation.protocol import ClusteringConfig
from dias.masks.resize import label_map
from dias.recognition import Objects
from dias.recognition.objects import Matches, match_picture
from dias.slots.read import PictureMasks

CLUSTERS = 7  # as many as the models that ship have slots


Looked = tuple[ImageSample, ImageSample, Float[torch.Tensor, "h w c"]]


@torch.no_grad()
def looked_at(backbone: Backbone, samples: Sequence[ImageSample]) -> list[Looked]:
    """Each picture, what of it is looked at, and the features of that."""
    size = backbone.input_size or 224
    found = []
    for sample in samples:
        shown = look(sample, centre_view(*sample.image.shape[:2], size=size))
        seen = backbone(as_tensor(shown.image)[None])
        found.append((sample, shown, seen.features[0].reshape(*seen.grid, -1).float()))
    return found


@torch.no_grad()
def clustered(pictures: Sequence[Looked], *, names: Mapping[int, str]) -> Objects:
    """Each picture's tokens in seven clusters by k-means; a slot is the mean feature of its cluster.

    Matched as slots are: by masks, above an IoU of 0.1.
    """
    found = []
    for sample, shown, features in pictures:
        tokens, size = features.flatten(0, 1), shown.image.shape[0]
        maps, _ = cluster_maps(
            tokens[None], torch.tensor([CLUSTERS]), method=kmeans, config=ClusteringConfig()
        )
        grid = (features.shape[0], features.shape[1])
        labels = label_map(maps, grid=grid, size=(size, size))[0].numpy().astype(np.int32)
        means = (maps[0] @ tokens) / maps[0].sum(dim=1, keepdim=True).clamp(min=1)
        masks = PictureMasks(
            name=sample.name, labels=labels, boxes=np.zeros((CLUSTERS, 4)), coverage=(0, 0, size, size)
        )
        matches = match_picture(masks, shown, slots=CLUSTERS)
        found.append((shown, matches, means[torch.from_numpy(matches.slot)]))
    return _objects(found, names)


def pooled(pictures: Sequence[Looked], *, names: Mapping[int, str], inside: bool) -> Objects:
    """Every true object, with the mean feature in its box, or of the whole picture, as its slot."""
    found = []
    for sample, shown, features in pictures:
        assert shown.boxes is not None
        slots, boxes, numbers = [], [], []
        for number, box in enumerate(shown.boxes, start=1):
            if not (sample.mask == number).any():
                continue
            part = features[_tokens(box, features.shape[:2])] if inside else features
            slots.append(part.reshape(-1, part.shape[-1]).mean(dim=0))
            boxes.append(box)
            numbers.append(number)
        if not slots:
            continue
        matches = Matches(
            slot=np.arange(len(slots)),
            iou=np.ones(len(slots)),
            numbers=np.array(numbers),
            boxes=np.stack(boxes),
        )
        found.append((shown, matches, torch.stack(slots)))
    return _objects(found, names)


def _objects(
    found: Sequence[tuple[ImageSample, Matches, Float[torch.Tensor, "k d"]]], names: Mapping[int, str]
) -> Objects:
    matches = [each for _, each, _ in found]
    classes = [shown.classes[each.numbers - 1] for shown, each, _ in found if shown.classes is not None]
    slot = torch.from_numpy(np.concatenate([each.slot for each in matches]))
    slots = torch.cat([each for _, _, each in found])
    return Objects(
        slots=slots.masked_fill((slot < 0)[:, None], 0.0),
        boxes=torch.from_numpy(np.concatenate([each.boxes for each in matches])).float(),
        classes=torch.from_numpy(np.concatenate(classes)).long(),
        matched=slot >= 0,
        iou=torch.from_numpy(np.concatenate([each.iou for each in matches])).double(),
        picture=torch.cat([torch.full((len(each.slot),), place) for place, each in enumerate(matches)]),
        pictures=len(found),
        names=names,
    )


def _tokens(box: Float64[np.ndarray, "4"], grid: Sequence[int]) -> tuple[slice, slice]:
    """Tokens that a box touches."""
    rows, columns = grid
    x0, y0, x1, y1 = box.tolist()
    top, left = min(int(y0 * rows), rows - 1), min(int(x0 * columns), columns - 1)
    return slice(top, max(-int(-y1 * rows // 1), top + 1)), slice(
        left, max(-int(-x1 * columns // 1), left + 1)
    )
