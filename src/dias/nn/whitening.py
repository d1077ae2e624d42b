"""Standardised principal components of frozen features: fewer channels, for small machines."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class FeaturePCA(nn.Module):
    """Standardise each channel, keep the first principal components, bring them to mean variance 1.

    Fitted once on training features and frozen from then on; it travels in the checkpoint. Components keep
    their relative variances, so the reconstruction still cares most for what varies most.
    """

    mean: Tensor
    basis: Tensor

    def __init__(self, channels: int, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("basis", torch.eye(channels, components))

    @torch.no_grad()
    def fit(self, tokens: Float[Tensor, "k c"]) -> float:
        """Fit to a sample of tokens; return the share of the variance that the components keep (0 to 1)."""
        mean, deviation = tokens.double().mean(dim=0), tokens.double().std(dim=0) + 1e-6
        standard = (tokens.double() - mean) / deviation
        covariance = standard.T @ standard / len(standard)
        variances, directions = torch.linalg.eigh(covariance)  # ascending
        components = self.basis.shape[1]
        kept, vectors = variances[-components:].flip(0), directions[:, -components:].flip(1)
        self.mean.copy_(mean)
        self.basis.copy_(vectors / deviation[:, None] / kept.mean().sqrt())
        return float(kept.sum() / variances.sum())

    def forward(self, features: Float[Tensor, "b m c"]) -> Float[Tensor, "b m k"]:
        """Reduce features to principal components."""
        return (features - self.mean) @ self.basis
