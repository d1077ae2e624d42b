"""Errors against horizon: by hand, and of toy clips from slots on disk to curves."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dias.data.frames import ClipFrames
from dias.data.samples import ClipSample
from dias.errors import CheckpointError, DiasError, SlotsError
from dias.evaluation.protocol import rules_of
from dias.inference.tracks import Tracker
from dias.models import ImageModel
from dias.nn.decoders import PermutedARConfig, PixelBroadcastConfig, RandomARConfig, SlotMixerConfig, Target
from dias.prediction import (
    FitConfig,
    HorizonConfig,
    Prediction,
    RollouterConfig,
    evaluate,
    last_stays,
    load_rollouter,
    save_rollouter,
    trained_on,
)
from dias.prediction.curves import draw, table
from dias.prediction.decoding import explains_alone
from dias.prediction.measures import cosine_errors, covered, partners, psnr, slot_errors, ssim
from dias.slots import SlotFiles, extract, load
from dias.slots.header import header_of
from toy_clip_pictures import toy_clip_pictures, toy_tracking_model

pytest.importorskip("pyarrow")
LIVES = [[(0, 9)], [(0, 6)]]
CONFIG = HorizonConfig(burn_in=2, steps=6, rules=rules_of("dias", size=24))


class Clips:
    """Three clips of 9, 5 and 2 frames."""

    def __init__(self) -> None:
        pictures, labels = toy_clip_pictures(LIVES, frames=9, scale=(4, 4))
        self.films = [(np.stack(pictures)[:length], labels[:length]) for length in (9, 5, 2)]

    def __len__(self) -> int:
        return 3

    def length(self, index: int) -> int:
        return len(self.films[index][0])

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        places = list(range(self.length(index)) if frames is None else frames)
        film, labels = self.films[index]
        return ClipSample(
            frames=film[places], name=self.name(index), numbers=tuple(places), mask=labels[places]
        )

    def name(self, index: int) -> str:
        return f"film-{index}"

    def fingerprint(self) -> str:
        return "clips"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[SlotFiles, Clips, ImageModel]:
    folder = tmp_path_factory.mktemp("horizon")
    checkpoint = folder / "model.safetensors"
    checkpoint.write_bytes(b"what is hashed")
    clips, tracker = Clips(), Tracker(toy_tracking_model())
    source = ClipFrames(clips)
    header = header_of(tracker, source, checkpoint=checkpoint, data={}, threshold=None, per_shard=5)
    extract(tracker, source, folder / "slots", header=header)
    return load(folder / "slots"), clips, tracker.model.image


def measured(prepared: tuple[SlotFiles, Clips, ImageModel], config: HorizonConfig = CONFIG) -> Prediction:
    files, clips, model = prepared
    oracle = torch.from_numpy(files.arrays().slots)

    def knows(slots: torch.Tensor, kept: torch.Tensor, *, steps: int) -> torch.Tensor:
        """What the first clip's slots will be; both clips begin alike."""
        return oracle[None, config.burn_in : config.burn_in + steps]

    return evaluate({"oracle": knows, "stays": last_stays}, files, clips, model, config=config)


def test_curves_of_toy_clips(prepared: tuple[SlotFiles, Clips, ImageModel]) -> None:
    found = measured(prepared)
    assert (found.clips, found.left_out) == (("film-0", "film-1"), ("film-2",))
    assert (found.steps, found.counted) == (6, (2, 2, 2, 1, 1, 1))
    rows = {row.name: row for row in found.rows}
    assert set(rows) == {"oracle", "stays", "last frame stays", "linear extrapolation", "true slots"}
    for measure in found.measures():
        np.testing.assert_array_equal(rows["stays"].values[measure], rows["last frame stays"].values[measure])
    # The second object goes after frame 5. Until then an oracle's slots are the true ones, and so are masks.
    for measure in ("slot_error", "feature_error", "ari_foreground", "miou"):
        np.testing.assert_allclose(
            rows["oracle"].curve(measure)[:3], rows["true slots"].curve(measure)[:3], atol=1e-9
        )
    assert (rows["oracle"].curve("slot_error") == 0).all()
    assert (rows["last frame stays"].curve("slot_mse") > 0).all()
    assert np.isnan(rows["oracle"].values["slot_mse"][1, 3:]).all()
    assert found.covered.tolist() == [1.0] * 6


def test_the_last_slots_error_by_hand(prepared: tuple[SlotFiles, Clips, ImageModel]) -> None:
    files, found = prepared[0], measured(prepared)
    arrays = files.arrays()
    slots, kept = arrays.slots[:8].astype(np.float64), arrays.kept[:8]
    there = kept[2:] & kept[1]
    errors = np.square(slots[2:] - slots[1]).mean(axis=2)
    expected = (errors * there).sum(axis=1) / there.sum(axis=1)
    row = next(row for row in found.rows if row.name == "last frame stays")
    np.testing.assert_allclose(row.values["slot_mse"][0], expected, rtol=1e-6)
    known = np.concatenate([slots[2:][kept[2:]], arrays.slots[11:14][arrays.kept[11:14]]])
    assert found.variance == pytest.approx(known.var(axis=0).mean(), rel=1e-5)
    np.testing.assert_allclose(row.values["slot_error"][0], expected / found.variance, rtol=1e-5)


def test_a_stride_leaves_frames_out(prepared: tuple[SlotFiles, Clips, ImageModel]) -> None:
    files, clips, model = prepared
    config = HorizonConfig(burn_in=2, steps=6, stride=2, rules=CONFIG.rules)
    found = evaluate({}, files, clips, model, config=config)
    assert (found.steps, found.counted) == (3, (2, 1, 1))  # frames 0, 2; then 4, 6, 8, and 4
    with pytest.raises(DiasError, match="none of 3 clips has a frame after the burn-in of 9"):
        evaluate({}, files, clips, model, config=HorizonConfig(burn_in=9))


def test_result_and_curves_are_files(prepared: tuple[SlotFiles, Clips, ImageModel], tmp_path: Path) -> None:
    found = measured(prepared)
    found.save(tmp_path / "r.json", notes={"seed": 1})
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["format"] == "dias-prediction-1"
    assert told["seed"] == 1
    assert told["rows"]["oracle"]["curves"]["miou"] == found.rows[0].curve("miou").tolist()
    assert "psnr" not in told["rows"]["oracle"]["curves"]  # features are no pixels
    assert {"command", "revision"} <= set(told["provenance"])
    draw(found, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert table(found).row_count == 5


def test_slots_are_matched_once() -> None:
    """At burn-in's end a slot's partner is found among others; later the nearest slot is not asked."""
    last = torch.tensor([[0.0], [5.0], [9.0]])
    kept = torch.tensor([True, True, False])
    partner = partners(last[[1, 0, 2]] + 0.1, last, found_kept=kept, true_kept=kept)
    assert partner.tolist() == [1, 0, -1]
    truth = torch.tensor([[[1.0], [6.0], [7.0]], [[2.0], [7.0], [7.0]]])
    found = torch.tensor([[[6.0], [3.0], [0.0]], [[2.0], [7.0], [0.0]]])  # they change places in the end
    there = torch.tensor([[True, True, True], [True, False, True]])
    errors = slot_errors(found, truth, there, partner)
    assert errors.tolist() == [(4 + 0) / 2, 25.0]
    assert covered(there, partner).tolist() == [2 / 3, 1 / 2]
    assert slot_errors(found, truth, torch.zeros_like(there), partner).isnan().all()


def test_cosine_errors_and_pictures() -> None:
    truth = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    found = torch.tensor([[[3.0, 0.0], [1.0, 0.0]]])
    assert cosine_errors(found, truth).tolist() == pytest.approx([0.5])
    one = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert psnr(one, (one + 0.1)).tolist() == pytest.approx([20.0, 20.0], rel=1e-4)
    assert ssim(one, one).tolist() == pytest.approx([1.0, 1.0])
    assert float(ssim(one, one.flip(3)).max()) < 0.5


@pytest.mark.parametrize(
    "kind", [RandomARConfig(heads=2), SlotMixerConfig(heads=2), PixelBroadcastConfig(start=2)]
)
def test_decoders_explain_slots_alone(
    kind: RandomARConfig | SlotMixerConfig | PixelBroadcastConfig,
) -> None:
    """What is explained, whatever there is to explain; `random_ar` as in training with no token known."""
    torch.manual_seed(0)
    part = kind.build(slot_dim=8, token_dim=4, positions=16).eval()
    slots, kept = torch.randn(3, 5, 8), torch.ones(3, 5, dtype=torch.bool)
    kept[:, 2] = False
    found = part.alone(slots, kept)
    assert found.tokens.shape == (3, 16, 4)
    torch.testing.assert_close(found.attention.sum(dim=1), torch.ones(3, 16))
    assert not found.attention[:, 2].any()
    target = Target(tokens=torch.randn(3, 16, 4))
    if isinstance(kind, RandomARConfig):
        part.train().draw_known = lambda *shape, **how: torch.zeros(3, 16, dtype=torch.bool)
    torch.testing.assert_close(found.tokens, part(slots, kept, target).reconstruction)


def test_a_decoder_that_needs_tokens_is_refused(
    prepared: tuple[SlotFiles, Clips, ImageModel],
) -> None:
    model = toy_tracking_model().image
    model.decoder = PermutedARConfig(layers=1, heads=2).build(slot_dim=8, token_dim=8, positions=36)
    with pytest.raises(DiasError, match="needs the tokens that it explains"):
        explains_alone(model)
    with pytest.raises(DiasError, match="predicted slots cannot be decoded"):
        evaluate({}, *prepared[:2], model, config=CONFIG)


def test_a_predictor_comes_back_as_it_was(
    prepared: tuple[SlotFiles, Clips, ImageModel], tmp_path: Path
) -> None:
    header = prepared[0].header
    config = RollouterConfig(burn_in=2, width=8, layers=1, heads=2, hidden=8, residual=False)
    trained = trained_on(config.build(slot_dim=8).eval(), header, FitConfig(seed=7))
    save_rollouter(tmp_path / "p.safetensors", trained)
    back = load_rollouter(tmp_path / "p.safetensors")
    assert (back.rollouter.config, back.fit, back.extraction) == (config, trained.fit, header.extraction)
    slots = torch.randn(1, 3, 4, 8)
    assert torch.equal(back.rollouter.rollout(slots, steps=3), trained.rollouter.rollout(slots, steps=3))
    assert back.model_file(None).name == "model.safetensors"
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"another")
    with pytest.raises(CheckpointError, match=r"is checkpoint \w{12}, the slots are of \w{12}"):
        back.model_file(other)
    for file, what in ((tmp_path / "none", "does not exist"), (other, "no readable safetensors")):
        with pytest.raises(CheckpointError, match=what):
            load_rollouter(file)
    changed = replace(header.extraction, checkpoint="e" * 64)
    with pytest.raises(SlotsError, match="is of checkpoint eeeeeeeeeeee, the predictor was trained on"):
        back.check("slots", changed)
    with pytest.raises(SlotsError, match="followed False for True"):
        back.check("slots", replace(header.extraction, followed=False, seed=3))
