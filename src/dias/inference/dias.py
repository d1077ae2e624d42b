"""A model as a whole: pictures in, slots and masks out; loaded, saved and pushed as Hugging Face has it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

from dias.checkpoints import describe, find, save_model
from dias.data.images import read_image
from dias.inference.looking import Quality
from dias.inference.segment import Segmentation, Segmenter
from dias.inference.shortcuts import load, shipped
from dias.interop.hugging_face import CARD, WEIGHTS, checked, fetched, push, save_folder
from dias.interop.stored import read_stored
from dias.models.image import ImageModel
from dias.provenance import Provenance

Picture = str | Path | np.ndarray | Image.Image


class Found(NamedTuple):
    """What was found, picture by picture; of each, k slots were kept.

    Attributes:
        slots: one vector an object.
        masks: the pixels of each object, at the picture's own size; together they cover what was looked at.
    """

    slots: list[Float32[np.ndarray, "k d"]]
    masks: list[Bool[np.ndarray, "k h w"]]


class Dias:
    """A model of images with its backbone.

    >>> model = Dias.from_pretrained()
    >>> slots, masks = model(["cat.jpg", "street.jpg"])

    Args:
        model: with its backbone, on the device where it is to run.
        map: whose attention gives the masks; the decoder's are a little slower, and usually better.
        origin: where its weights come from, for whoever saves it again; this process when None.
        notes: of its checkpoint, likewise.
        card: its model card, likewise; a short one when None.
        quality: of the masks' edges, as for `dias.inference.Segmenter`.
    """

    def __init__(
        self,
        model: ImageModel,
        *,
        map: Literal["aggregation", "decoder"] = "decoder",
        origin: Provenance | None = None,
        notes: dict[str, Any] | None = None,
        card: str | None = None,
        quality: Quality = "fast",
    ) -> None:
        self.model, self.map = model, map
        self.origin, self.notes, self.card = origin, notes, card
        self._segmenter = Segmenter(model, map=map, quality=quality)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        *,
        map: Literal["aggregation", "decoder"] = "decoder",
        weights: str | None = None,
        device: str = "auto",
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        quality: Quality = "fast",
    ) -> "Dias":
        """Load a model; no code comes with it, and none is executed.

        Args:
            name: a folder that `save_pretrained` or `dias train` wrote, a checkpoint file, or `owner/name` on
                Hugging Face's hub; None: the model that the package ships.
            map: as above.
            weights: local path of the backbone's weights, instead of what the checkpoint names.
            device: such as "cpu" or "cuda"; "auto" takes a GPU when there is one.
            revision: as are those below, of the hub alone: a branch, tag or commit.
            token: of a private model.
            cache_dir: the hub's cache.
            force_download: although it is there.
            local_files_only: do not ask the hub.
            quality: as above.

        Raises:
            DiasError: there is no such model, it is damaged, or of other weights than its config.json says.
            WeightsError: the backbone's weights cannot be found.
        """
        path = shipped() if name is None else Path(name)
        if not path.exists():
            path = fetched(
                str(name),
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        file = checked(path)
        told, card = describe(file), find(file).with_name(CARD)
        return cls(
            load(file, weights=weights, device=device),
            map=map,
            origin=Provenance(**told["provenance"]),
            notes=told["notes"],
            card=card.read_text(encoding="utf-8") if card.is_file() else None,
            quality=quality,
        )

    def __call__(self, images: Sequence[Picture]) -> Found:
        """Find the objects in pictures of any sizes: files, arrays of RGB from 0 to 255, Pillow's pictures.

        Raises:
            SampleError: a file is no picture that can be read.
            DiasError: nor is an array.
        """
        found = self.segment(images)
        return Found(slots=[one.slots for one in found], masks=[_masks(one) for one in found])

    def segment(self, images: Sequence[Picture]) -> list[Segmentation]:
        """The same with labels, boxes and areas."""
        read = [read_image(Path(one)) if isinstance(one, str | Path) else one for one in images]
        return self._segmenter(read)

    def save_pretrained(self, folder: str | Path, *, half: bool = False) -> Path:
        """Write config.json, model.safetensors and README.md, as `from_pretrained` and the hub read them.

        Args:
            folder: where to.
            half: store fp16.
        """
        with TemporaryDirectory() as place:
            file = Path(place) / WEIGHTS
            save_model(file, self.model, provenance=self.origin, notes=self.notes, half=half)
            return save_folder(read_stored(file), Path(folder), card=self.card)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
        commit_message: str = "Push a model of DIAS",
        half: bool = False,
    ) -> str:
        """Put the model on Hugging Face's hub in one commit, and give the commit's address.

        Raises:
            DiasError: the hub cannot be reached, or refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, half=half)
            return push(
                Path(folder), repo_id, private=private, token=token, revision=revision, message=commit_message
            )


def _masks(found: Segmentation) -> Bool[np.ndarray, "k h w"]:
    numbers = np.arange(len(found.slots))[:, None, None]
    masks: Bool[np.ndarray, "k h w"] = found.labels[None] == numbers
    return masks
