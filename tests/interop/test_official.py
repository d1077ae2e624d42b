"""The authors' checkpoints against a second implementation, written from their code's description alone."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dias.errors import CheckpointError, SettingError
from dias.interop import load_official

C, D, ROWS, N = 128, 16, 4, 5
M = ROWS * ROWS


class ReferenceAggregation(nn.Module):
    """Slot attention under the authors' names."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1q, self.norm1kv, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(C), nn.LayerNorm(D)
        self.proj_q = nn.Linear(D, D, bias=False)
        self.proj_k = nn.Linear(C, D, bias=False)
        self.proj_v = nn.Linear(C, D, bias=False)
        self.rnn = nn.GRUCell(D, D)
        self.ffn = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, tokens: Tensor, slots: Tensor) -> tuple[Tensor, list[Tensor]]:
        kv = self.norm1kv(tokens)
        k, v = self.proj_k(kv), self.proj_v(kv)
        maps = []
        for _ in range(3):
            q = self.proj_q(self.norm1q(slots))
            attention = torch.softmax(torch.bmm(q, k.transpose(1, 2)) / math.sqrt(D), dim=1)
            maps.append(attention)
            weights = attention / (attention.sum(dim=2, keepdim=True) + 1e-5)
            update = torch.bmm(weights, v)
            state = self.rnn(update.reshape(-1, D), slots.reshape(-1, D)).reshape(slots.shape)
            slots = state + self.ffn(self.norm2(state))
        return slots, maps


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._pe = nn.Parameter(torch.randn(1, M, C))


class ReferenceDecoder(nn.Module):
    """PyTorch's own Transformer decoder, with the first norm of layer 0 taken out in front of it."""

    def __init__(self, *, layers: int, heads: int) -> None:
        super().__init__()
        self.mask_token = nn.Parameter(torch.randn(1, 1, C))
        self.posit_embed = Positions()
        self.project1 = nn.Sequential(nn.Linear(C, C, bias=False), nn.LayerNorm(C))
        self.project2 = nn.Sequential(nn.Linear(D, C, bias=False), nn.LayerNorm(C))
        layer = nn.TransformerDecoderLayer(
            C, heads, 4 * C, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, bias=False
        )
        self.backbone = nn.TransformerDecoder(layer, layers)
        self.norm0 = nn.LayerNorm(C, bias=False)
        self.backbone.layers[0].norm1 = nn.Identity()

    def forward(self, target: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm0(self.project1(target) + self.posit_embed._pe)
        memory = self.project2(slots)
        for layer in self.backbone.layers[:-1]:
            x = layer(x, memory)
        last = self.backbone.layers[-1]
        normed = last.norm1(x)
        x = x + last.self_attn(normed, normed, normed, need_weights=False)[0]
        update, attention = last.multihead_attn(last.norm2(x), memory, memory, average_attn_weights=True)
        x = x + update
        x = x + last.linear2(F.gelu(last.linear1(last.norm3(x))))
        return x, attention.transpose(1, 2)


class Gaussian(nn.Module):
    def __init__(self, *, slots: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(1, slots, D))
        self.logstd = nn.Parameter(torch.randn(1, slots, D))


class Reference(nn.Module):
    def __init__(self, *, layers: int = 3, heads: int = 4, gaussians: int = 1) -> None:
        super().__init__()
        self.encode_project = nn.Sequential(nn.LayerNorm(C), nn.Linear(C, C), nn.GELU(), nn.Linear(C, C))
        self.initializ = Gaussian(slots=gaussians)
        self.aggregat = ReferenceAggregation()
        self.decode = ReferenceDecoder(layers=layers, heads=heads)
        for value in self.parameters():  # norms and biases too, so that none can be mixed up unseen
            nn.init.normal_(value, std=0.3)

    def forward(self, features: Tensor, queries: Tensor) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
        slots, maps = self.aggregat(self.encode_project(features), queries)
        return slots, maps, *self.decode(features, slots)


def saved(model: nn.Module, file: Path, *, prefix: str = "m.", more: dict[str, Tensor] | None = None) -> Path:
    torch.save({prefix + name: value for name, value in (model.state_dict() | (more or {})).items()}, file)
    return file


@pytest.mark.parametrize("prefix", ["m.", ""])
@pytest.mark.parametrize(("layers", "heads"), [(1, 2), (3, 4)])
@torch.no_grad()
def test_numbers_are_the_authors(tmp_path: Path, prefix: str, layers: int, heads: int) -> None:
    torch.manual_seed(layers)
    reference = Reference(layers=layers, heads=heads).eval()
    features, queries = torch.randn(2, M, C), torch.randn(2, N, D)
    slots, maps, reconstruction, attention = reference(features, queries)

    model = load_official(saved(reference, tmp_path / "official.pth", prefix=prefix), heads)
    ours = model.from_features(features, queries, reduce=False)

    assert not model.training
    assert model.backbone is None
    assert model.config.backbone.name == "facebook/dinov2-with-registers-small"
    assert len(ours.attention) == 3
    for mine, theirs in zip(ours.attention, maps, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.slots, slots, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.reconstruction, reconstruction, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.decoder_attention, attention, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_queries_come_from_the_file(tmp_path: Path) -> None:
    reference = Reference()
    shared = load_official(saved(reference, tmp_path / "shared.pth"), slots=9)
    drawn = shared.queries(2, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2, 9, D, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, reference.initializ.mean + noise * reference.initializ.logstd.exp())

    apart = Reference(gaussians=6)
    model = load_official(saved(apart, tmp_path / "apart.pth"))
    torch.testing.assert_close(model.queries(1), apart.initializ.mean)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"m.decode.norm0.weight": None}, "decode.norm0.weight missing"),
        ({"m.aggregat.extra": torch.zeros(1)}, "aggregat.extra unknown"),
        (
            {"m.aggregat.ffn.0.weight": torch.zeros(3, D)},
            r"aggregat.ffn.0.weight gives \(3, 16\), expected \(64, 16\)",
        ),
        ({"m.initializ.mean": None}, "lacks initializ.mean"),
        ({"m.initializ.mean": torch.zeros(D)}, "initializ.mean with 1 axes"),
    ],
)
def test_another_architecture_is_named(tmp_path: Path, change: dict[str, Tensor | None], named: str) -> None:
    state = {f"m.{name}": value for name, value in Reference().state_dict().items()} | change
    file = tmp_path / "other.pth"
    torch.save({name: value for name, value in state.items() if value is not None}, file)
    with pytest.raises(CheckpointError, match=named) as caught:
        load_official(file)
    assert str(file) in str(caught.value)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must never be printed",)


def test_damaged_files_and_code_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = saved(Reference(), tmp_path / "whole.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.pth").write_text("hello")
    torch.save({"m.a": Harmful()}, tmp_path / "code.pth")
    torch.save({"m.a": 3}, tmp_path / "number.pth")
    for name in ("half", "empty", "text", "code", "number", "absent"):
        with pytest.raises(CheckpointError, match=name):
            load_official(tmp_path / f"{name}.pth")
    assert "never" not in capsys.readouterr().out


def test_heads_must_divide(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="heads"):
        load_official(saved(Reference(), tmp_path / "a.pth"), heads=5)


WIDTH, PATCH, REGISTERS = C, 14, 4


class TimmBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(WIDTH, 3 * WIDTH), "proj": nn.Linear(WIDTH, WIDTH)})
        self.ls1 = nn.ParameterDict({"gamma": torch.randn(WIDTH)})
        self.ls2 = nn.ParameterDict({"gamma": torch.randn(WIDTH)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = self.attn["qkv"](self.norm1(x)).reshape(b, t, 3, WIDTH // 64, 64).permute(2, 0, 3, 1, 4)
        mixed = (
            (torch.softmax(q @ k.transpose(-2, -1) / 8.0, dim=-1) @ v).transpose(1, 2).reshape(b, t, WIDTH)
        )
        x = x + self.ls1["gamma"] * self.attn["proj"](mixed)
        return x + self.ls2["gamma"] * self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class TimmViT(nn.Module):
    """A ViT with registers in timm's names: class and registers have no position."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.reg_token = nn.Parameter(torch.randn(1, REGISTERS, WIDTH))
        self.pos_embed = nn.Parameter(torch.randn(1, M, WIDTH))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, PATCH, PATCH)})
        self.blocks = nn.Sequential(TimmBlock(), TimmBlock())

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed["proj"](images).flatten(2).transpose(1, 2) + self.pos_embed
        first = torch.cat([self.cls_token, self.reg_token], dim=1).expand(len(x), -1, -1)
        return self.blocks(torch.cat([first, x], dim=1))[:, 1 + REGISTERS :]


@torch.no_grad()
def test_a_vit_inside_gives_the_same_tokens(tmp_path: Path) -> None:
    from transformers import Dinov2WithRegistersModel

    from dias.interop.timm_vit import save_as_hugging_face

    torch.manual_seed(0)
    vit, images = TimmViT(), torch.randn(2, 3, ROWS * PATCH, ROWS * PATCH)
    save_as_hugging_face(vit.state_dict(), tmp_path / "vit", origin=tmp_path / "official.pth")
    assert json.loads((tmp_path / "vit/config.json").read_text())["num_register_tokens"] == REGISTERS
    model, report = Dinov2WithRegistersModel.from_pretrained(tmp_path / "vit", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    hidden = model.eval()(images, output_hidden_states=True).hidden_states[-1][:, 1 + REGISTERS :]
    torch.testing.assert_close(hidden, vit(images), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_file_with_its_vit_takes_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dias.checkpoints import load_model, save_model

    monkeypatch.setenv("DIAS_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    reference, vit = Reference(), TimmViT()
    more = {"encode_backbone.1." + name: value for name, value in vit.state_dict().items()}
    model = load_official(saved(reference, tmp_path / "whole.pth", more=more))
    assert model.backbone is not None
    assert model.backbone.config.final_norm is False
    assert (tmp_path / "cache") in Path(model.config.backbone.path or "").parents
    images = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    first = vit.state_dict()["cls_token"]
    assert torch.equal(model.backbone.vit.embeddings.cls_token.float(), first.bfloat16().float())
    assert model.backbone(images).grid == (16, 16)

    save_model(tmp_path / "ours.safetensors", model)
    again = load_model(tmp_path / "ours.safetensors")
    assert again.backbone is not None
    assert again.backbone.weights.sha256 == model.backbone.weights.sha256
    queries, features = torch.randn(2, N, D), torch.randn(2, M, C)
    torch.testing.assert_close(
        again.from_features(features, queries).slots, model.from_features(features, queries).slots
    )


def test_a_vit_of_another_kind_is_named(tmp_path: Path) -> None:
    more = {"encode_backbone.1." + name: value for name, value in TimmViT().state_dict().items()}
    more.pop("encode_backbone.1.reg_token")
    file = saved(Reference(), tmp_path / "plain.pth", more=more)
    with pytest.raises(CheckpointError, match="ViT without reg_token"):
        load_official(file, backbone_folder=tmp_path / "vit")
