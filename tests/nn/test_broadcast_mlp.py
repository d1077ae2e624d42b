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


def test_presence_multiplies_alpha_which_is_normalised_anew() -> None:
    """AdaSlot's masked mixture, by hand in float64: z_i softmax_i / (sum_j z_j softmax_j + 1e-5)."""
    torch.manual_seed(0)
    part = BroadcastMLPConfig(layers=1, hidden=16).build(slot_dim=6, token_dim=8, positions=20).double()
    slots, presence = torch.randn(2, 3, 6).double(), torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]).double()
    presence.requires_grad_()
    tokens = torch.randn(2, 20, 8).double()
    out = part(slots, presence > 0.5, Target(tokens=tokens), presence=presence)
    assert out.attention is not None
    for b in range(2):
        painted = [part.mlp(slots[b, n] + part.positions[0, 0]) for n in range(3)]
        exponents = torch.stack([one[:, -1].exp() for one in painted])
        alpha = exponents / exponents.sum(dim=0) * presence[b, :, None]
        alpha = alpha / (alpha.sum(dim=0) + 1e-5)
        mixed = sum(share[:, None] * one[:, :-1] for share, one in zip(alpha, painted, strict=True))
        torch.testing.assert_close(out.attention[b], alpha)
        torch.testing.assert_close(out.reconstruction[b], mixed)
        torch.testing.assert_close(out.error[b], (mixed - tokens[b]).square().mean().float())
    assert (out.attention[0, 1] == 0).all()
    (gradient,) = torch.autograd.grad(out.error.sum(), presence)
    assert gradient[0, 1] != 0  # an absent slot learns what its presence would change


def test_all_present_is_the_plain_mixture() -> None:
    torch.manual_seed(0)
    part = BroadcastMLPConfig(layers=1, hidden=16).build(slot_dim=6, token_dim=8, positions=20)
    slots, kept, target = torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool), torch.randn(2, 20, 8)
    plain = part(slots, kept, Target(tokens=target))
    present = part(slots, kept, Target(tokens=target), presence=torch.ones(2, 3))
    torch.testing.assert_close(plain.reconstruction, present.reconstruction, rtol=1e-4, atol=1e-5)
