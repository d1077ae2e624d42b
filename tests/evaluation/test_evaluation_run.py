"""Evaluation with a model that sees exactly what is there: exact scores, whatever order its slots have."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from dias.backbones import Backbone, Tokens, WeightsRecord
from dias.data.samples import ImageSample
from dias.errors import DiasError, SampleError
from dias.evaluation import (
    ClusteringConfig,
    Evaluation,
    EvaluationConfig,
    evaluate,
    evaluate_all,
    evaluate_clustering,
    require_masks,
    rules_of,
)
from dias.evaluation.pictures import choose, draw_pictures
from dias.evaluation.protocol import Protocol
from dias.evaluation.results import METRICS
from dias.evaluation.run import Candidate
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.outputs import SlotOutput

GRID, PATCH, SLOTS = 4, 8, 5
SIZE = GRID * PATCH
PLAIN = [metric for metric in METRICS if metric != "mbo_class"]  # those that need no classes
CONFIG = EvaluationConfig(rules=rules_of("dias", size=SIZE), batch=2)


def by(protocol: Protocol = "dias", **changes: object) -> EvaluationConfig:
    """The settings of the tests, by some protocol's rules at the size of the test's pictures."""
    return replace(CONFIG, rules=rules_of(protocol, **({"size": SIZE, "view": SIZE} | changes)))


def bands(*labels: int) -> np.ndarray:
    """Upright bands, each a whole number of tokens wide: a token grid shows them without loss."""
    return np.repeat(np.repeat(np.array(labels), SIZE // len(labels))[None], SIZE, axis=0).astype(np.int32)


@dataclass
class Source:
    """Pictures whose red channel tells the label."""

    masks: list[np.ndarray | None]
    ignore: np.ndarray | None = None
    classes: np.ndarray | None = None
    unreadable: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> ImageSample:
        if index in self.unreadable:
            raise SampleError(self.name(index), "is truncated")
        mask = self.masks[index]
        shown = bands(0, 1) if mask is None else mask
        image = np.stack([shown * 20, np.zeros_like(shown), np.full_like(shown, index)], axis=-1).astype(
            np.uint8
        )
        return ImageSample(
            image=image, name=self.name(index), mask=mask, ignore=self.ignore, classes=self.classes
        )

    def name(self, index: int) -> str:
        return f"{index:03d}.png"

    def fingerprint(self) -> str:
        return "d" * 64


class Seer(Backbone):
    """Sees labels: one-hot features."""

    def __init__(self) -> None:
        super().__init__(
            None,
            weights=WeightsRecord(name="seer", source="test", sha256="e" * 64),
            channels=SLOTS, patch=PATCH, input_size=None, precision="fp32", mean=(0.0,) * 3, std=(1.0,) * 3,
        )  # fmt: skip
        self.calls = 0
        self.seen: list[tuple[int, int]] = []

    def forward(self, images: Tensor) -> Tokens:
        self.calls += 1
        self.seen.append(tuple(images.shape[-2:]))
        red = nn.functional.avg_pool2d(images[:, :1].float(), PATCH).flatten(1) / 20
        return Tokens(features=nn.functional.one_hot(red.round().long(), SLOTS).float(), grid=(GRID, GRID))


class Knower(ImageModel):
    """Slot i takes what has label order[i]; its first iteration sees labels 0, 1 and the others; without
    reduction it knows nothing."""

    def __init__(self, backbone: Seer | None, *, order: list[int], decodes: bool = True) -> None:
        nn.Module.__init__(self)
        self.config, self.backbone, self.order, self.decodes = ImageModelConfig(), backbone, order, decodes
        self.tokenizer, self.decoder = None, SimpleNamespace(gives_map=decodes)
        self.seen: list[Tensor] = []

    def queries(self, batch: int, *, generator: torch.Generator | None = None) -> Float[Tensor, "b n d"]:
        return torch.randn(batch, SLOTS, 3, generator=generator)

    def from_tokens(self, seen, queries=None, *, reduce=True, decode=True, generator=None) -> SlotOutput:
        features = seen.features
        self.seen.append(queries)
        right = features[:, :, self.order].transpose(1, 2)
        wrong = torch.zeros_like(right)
        wrong[:, 0] = 1
        first = torch.stack([features[..., :2].sum(dim=2), features[..., 2:].sum(dim=2)], dim=1)
        first = nn.functional.pad(first, (0, 0, 0, SLOTS - 2))
        last = right if reduce else wrong
        kept = right.sum(dim=2) > 0 if reduce else torch.ones(right.shape[:2], dtype=torch.bool)
        return SlotOutput(
            slots=queries, mask=kept, attention=[first, last], attention_logits=[first.log(), last.log()],
            target=None, reconstruction=None, decoder_attention=last if self.decodes else None,
        )  # fmt: skip


def measured(
    source: Source, *, config: EvaluationConfig = CONFIG, order: list[int] | None = None
) -> Evaluation:
    return evaluate(Knower(Seer(), order=order or [0, 1, 2, 3, 4]), source, config=config, progress=False)


THREE = Source([bands(0, 1, 2, 3), bands(0, 0, 1, 2), bands(4, 1)])


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 0, 4, 2, 1]])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_perfect_model_scores_one_whatever_its_slots_order(order: list[int], batch: int) -> None:
    found = measured(THREE, config=replace(CONFIG, batch=batch), order=order)
    for map in ("aggregation", "decoder"):
        for metric in PLAIN:
            assert found.row("final", map=map).values(metric) == pytest.approx([1, 1, 1])
    early = found.row("first iteration", map="aggregation")
    assert early.mbo == pytest.approx([1 / 2, (2 / 3 + 1 / 3 + 1) / 3, 1])
    blind = found.row("last without reduction", map="decoder")
    assert blind.ari == pytest.approx([0, 0, 0])
    assert blind.mbo == pytest.approx([1 / 4, (1 / 2 + 1 / 4 + 1 / 4) / 3, 1 / 2])
    assert blind.miou == pytest.approx([1 / 16, 1 / 6, 1 / 4])
    assert found.names == ("000.png", "001.png", "002.png")


def test_rows_are_the_stages_and_maps_that_exist() -> None:
    names = [(row.variant, row.map) for row in measured(THREE).rows]
    assert names == [
        ("first iteration", "aggregation"),
        ("last without reduction", "aggregation"),
        ("last without reduction", "decoder"),
        ("final", "aggregation"),
        ("final", "decoder"),
    ]
    without = evaluate(
        Knower(Seer(), order=[0, 1, 2, 3, 4], decodes=False), THREE, config=CONFIG, progress=False
    )
    assert [row.map for row in without.rows] == ["aggregation"] * 3
    only = measured(THREE, config=replace(CONFIG, maps=("decoder",)))
    assert [row.map for row in only.rows] == ["decoder", "decoder"]


def test_slots_kept_are_counted_against_what_is_there() -> None:
    found = measured(THREE)
    assert found.slots_kept.tolist() == [4, 3, 2]
    assert found.true_segments.tolist() == [4, 3, 2]
    assert found.true_objects.tolist() == [3, 2, 2]
    assert found.count_error == 0


def test_images_without_foreground_are_left_out_of_its_mean() -> None:
    found = measured(Source([bands(0, 0), bands(0, 1)])).row("final", map="decoder")
    assert np.isnan(found.ari_foreground[0])
    assert found.mean.ari_foreground == pytest.approx(1)
    assert [found.counted(metric) for metric in PLAIN] == [2, 1, 2, 2]


def test_unlabelled_pixels_are_no_segment_and_cost_who_spreads_over_them_if_the_rule_says_so() -> None:
    source = Source([bands(0, 1, 2, 3)], ignore=bands(0, 0, 0, 1).astype(bool))
    # no slot of its own takes what is unlabelled: half of it goes to the neighbour, half to the first one
    alone, spread = [0, 1, 2, 4, 3], [0, 1, 2, 4, 4]
    assert measured(source, order=alone).true_segments.tolist() == [3]
    for config, order, mbo in (
        (by(unlabelled="area"), alone, 1),
        (by(unlabelled="area"), spread, (2 / 3 + 1 + 2 / 3) / 3),
        (by(unlabelled="nowhere"), spread, 1),
        (by("spot"), spread, 1),
    ):
        row = measured(source, config=config, order=order).row("final", map="decoder")
        assert (row.mbo[0], row.miou[0]) == (pytest.approx(mbo), pytest.approx(mbo))
        assert row.ari == pytest.approx([1])


def test_an_image_without_objects_is_left_out_of_arifg_or_counts_as_one() -> None:
    source = Source([bands(0, 0), bands(1, 2)])
    for config, expected in ((by(), [np.nan, 0]), (by("spot"), [1, 0]), (by("videosaur"), [np.nan, 0])):
        row = measured(source, config=config).row("last without reduction", map="decoder")
        assert row.ari_foreground == pytest.approx(expected, nan_ok=True)


def test_objects_of_one_class_are_one_segment_for_class_level_mbo() -> None:
    source = Source([bands(0, 1, 2, 3)], classes=np.array([7, 0, 7]))
    row = measured(source, order=[0, 1, 2, 3, 4]).row("final", map="decoder")
    assert (row.mbo[0], row.mbo_class[0]) == (pytest.approx(1), pytest.approx((1 + 1 / 2 + 1) / 3))
    without = measured(source, config=by("spot")).row("final", map="decoder")
    assert without.mbo_class == pytest.approx([(1 / 2 + 1) / 2])
    assert np.isnan(measured(THREE).row("final", map="decoder").mbo_class).all()
    with pytest.raises(DiasError, match=r"000\.png: its mask has object 3, but 2 objects have a class"):
        measured(Source([bands(0, 1, 2, 3)], classes=np.array([7, 0])))


def test_masks_are_compared_at_another_size_than_the_picture_is_shown_at() -> None:
    """A segment of one column is lost in a picture of half the size, but not in the ground truth."""
    mask = bands(0, 1, 2, 3)
    mask[:, 1] = 4
    backbone = Seer()
    sizes = {"view": SIZE, "size": 2 * SIZE}
    model = Knower(backbone, order=[0, 1, 2, 3, 4])
    found = evaluate(model, Source([mask]), config=by("spot", **sizes), progress=False)
    assert backbone.seen == [(SIZE, SIZE)]
    assert found.true_segments.tolist() == [5]
    assert found.config.rules.name == f"spot+size={2 * SIZE}+view={SIZE}"


def test_the_overflow_of_the_authors_ari_is_asked_for_and_said() -> None:
    large = by(size=256, int64=True)
    mask = np.zeros((SIZE, SIZE), dtype=np.int32)
    mask[:8, :8] = 1  # so much background that the product of pair counts exceeds int64
    rows = [
        measured(Source([mask]), config=one).row("first iteration", map="aggregation")
        for one in (large, by(size=256))
    ]
    assert rows[1].ari == pytest.approx([0])  # one segment for all
    assert rows[0].ari[0] > 0.9
    assert rows[0].mbo == rows[1].mbo
    assert "not the true values" in str(measured(Source([mask]), config=large).to_dict()["warning"])


def test_leaving_the_background_out_changes_mbo_and_miou_alone() -> None:
    source = Source([bands(0, 1, 2, 3)])
    with_it = measured(source)
    without = measured(source, config=by(background=False))
    first, other = (one.row("last without reduction", map="decoder") for one in (with_it, without))
    assert first.ari == other.ari
    # one slot has everything: it matches one of 4 segments (IoU 1/4), or one of the 3 objects
    assert (first.miou[0], other.miou[0]) == (pytest.approx(1 / 16), pytest.approx(1 / 12))


def test_the_noise_of_an_image_depends_on_seed_and_place_alone() -> None:
    def noise(*, seed: int, batch: int) -> Tensor:
        model = Knower(Seer(), order=[0, 1, 2, 3, 4])
        evaluate(model, THREE, config=replace(CONFIG, batch=batch, seed=seed), progress=False)
        plain, reduced = model.seen[::2], model.seen[1::2]
        assert all(torch.equal(one, other) for one, other in zip(plain, reduced, strict=True))
        return torch.cat(plain)

    assert torch.equal(noise(seed=0, batch=1), noise(seed=0, batch=3))
    assert not torch.equal(noise(seed=0, batch=1), noise(seed=1, batch=1))
    drawn = noise(seed=0, batch=3)
    assert not torch.equal(drawn[0], drawn[1])


def test_models_with_one_backbone_share_its_features() -> None:
    seer = Seer()
    models = [Knower(seer, order=order) for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])]
    results = evaluate_all([Candidate(model=model) for model in models], THREE, config=CONFIG, progress=False)
    assert seer.calls == 2  # two batches, not four
    assert [one.row("final", map="decoder").mean.ari for one in results.evaluations] == pytest.approx([1, 1])


def test_clustering_and_the_oracle_are_exact_where_features_and_grid_are() -> None:
    rows = evaluate_clustering(Seer(), THREE, config=CONFIG, progress=False)
    assert [(row.variant, row.map) for row in rows] == [
        *(
            (f"{method}, {number} number", "features")
            for method in ("k-means", "spectral", "agglomerative")
            for number in ("true", "automatic")
        ),
        ("oracle", "true masks"),
    ]
    for row in rows:
        for metric in PLAIN:
            assert row.values(metric) == pytest.approx([1, 1, 1])
    candidate = Candidate(model=Knower(Seer(), order=[0, 1, 2, 3, 4]))
    beside = evaluate_all([candidate], THREE, config=CONFIG, clustering=ClusteringConfig(), progress=False)
    assert [row.mean.mbo for row in beside.baselines] == [row.mean.mbo for row in rows]


def test_unreadable_images_stop_or_are_listed() -> None:
    source = Source([bands(0, 1), bands(0, 1), bands(1, 2)], unreadable=(1,))
    with pytest.raises(SampleError, match=r"001\.png: is truncated"):
        measured(source)
    found = measured(source, config=replace(CONFIG, bad_images="skip"))
    assert found.names == ("000.png", "002.png")
    assert found.skipped == ("001.png: is truncated",)
    with pytest.raises(DiasError, match="could be read"):
        measured(Source([bands(0, 1)], unreadable=(0,)), config=replace(CONFIG, bad_images="skip"))


def test_what_has_no_masks_is_refused_before_anything_is_loaded() -> None:
    require_masks(Source([bands(0, 1), None]))
    require_masks(Source([bands(0, 1)], unreadable=(0,)))
    with pytest.raises(DiasError, match=r"000\.png: has no masks.*; name others"):
        require_masks(Source([None, bands(0, 1)]), do="name others")


def test_unlabelled_images_and_models_without_backbone_are_refused() -> None:
    with pytest.raises(DiasError, match=r"001\.png: has no masks.*dias segment"):
        measured(Source([bands(0, 1), None]), config=replace(CONFIG, batch=1))
    with pytest.raises(DiasError, match=r"000\.png: has no masks"):
        measured(Source([None, None]))
    with pytest.raises(DiasError, match="no backbone"):
        evaluate(Knower(None, order=[0, 1]), THREE, config=CONFIG, progress=False)


def test_provenance_names_weights_checkpoint_and_data(tmp_path: Path) -> None:
    file = tmp_path / "best.safetensors"
    file.write_bytes(b"x")
    model = Knower(Seer(), order=[0, 1, 2, 3, 4])
    found = evaluate(model, THREE, config=CONFIG, checkpoint=file, progress=False)
    assert found.provenance["hashes"] == {
        "backbone": "e" * 64,
        "data": "d" * 64,
        "checkpoint": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }
    assert found.provenance["backbone"] == "seer from test"


def test_pictures_show_the_stages_of_chosen_images(tmp_path: Path) -> None:
    from dias.report import scene_galleries

    found = measured(THREE)
    choices = choose(found, some=2, extremes=1)
    assert [len(choice.names) for choice in choices] == [2, 1, 1]
    draw_pictures(Knower(Seer(), order=[0, 1, 2, 3, 4]), THREE, found, folder=tmp_path, choices=choices)
    galleries = scene_galleries(tmp_path)
    assert [gallery.title for gallery in galleries] == ["Evaluated images", "Best images", "Worst images"]
    for gallery in galleries:
        for picture in gallery.pictures:
            with Image.open(picture.file) as opened:
                assert opened.width > 4 * opened.height
            assert "mBO 100" in picture.caption
