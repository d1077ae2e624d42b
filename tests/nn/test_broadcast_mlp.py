import torch

from dias.nn.decoders import BroadcastMLPConfig, Target


def test_alpha_mixes_what_the_slots_paint() -> None:
    torch.manual_seed(0)
    part = BroadcastMLPConfig(layers=2, hidden=16).build(slot_dim=6, token_dim=8, positions=20)
    slots, kept = torch.randn(2, 3, 6), torch.tensor([[True, True, False], [True, True, True]])
    target = torch.randn(2, 20, 8)
    out = part(slots, kept, Target(tokens=target))
    expected, alphas = torch.zeros(2, 20, 8), torch.zeros(2, 3, 20)
    for b in range(2):
        painted = {n: part.mlp(slots[b, n] + part.positions[0, 0]) for n in range(3) if kept[b, n]}
        weights = torch.softmax(torch.stack([p[:, -1] for p in painted.values()]), dim=0)
        for weight, (n, paint) in zip(weights, painted.items(), strict=True):
            expected[b] += weight[:, None] * paint[:, :-1]
            alphas[b, n] = weight
    torch.testing.assert_close(out.reconstruction, expected)
    torch.testing.assert_close(out.attention, alphas)
    torch.testing.assert_close(out.error, (expected - target).square().mean(dim=(1, 2)))
