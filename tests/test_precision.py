"""bf16 is a request: a processor without it computes in float32, an accelerator as it is asked."""

import pytest
import torch

import dias.precision
from dias.precision import Precision, arithmetic

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("able", "asked", "device", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, "bf16", CPU, torch.float32),
        ({"avx512_bf16": True}, "bf16", CPU, torch.bfloat16),
        ({"avx512_bf16": True}, "fp32", CPU, torch.float32),
        ({"neon": True, "bf16": True}, "bf16", CPU, torch.bfloat16),
        ({"neon": True}, "bf16", CPU, torch.float32),
        ({}, "bf16", GPU, torch.bfloat16),
        ({}, "fp32", GPU, torch.float32),
    ],
)
def test_what_is_computed_in(
    able: dict[str, bool],
    asked: Precision,
    device: torch.device,
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert arithmetic(asked, device) == expected


def test_this_processor_is_asked() -> None:
    able = torch.cpu.get_capabilities()
    assert dias.precision.processor_has_bf16() == any(
        able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16")
    )
