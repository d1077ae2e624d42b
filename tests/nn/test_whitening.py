import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from dias.nn.whitening import FeaturePCA


def test_components_are_scikit_learns_up_to_sign() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(500, 12)) @ rng.normal(size=(12, 12)) * rng.uniform(0.1, 30, 12) + 5
    part = FeaturePCA(12, 4)
    share = part.fit(torch.from_numpy(tokens))
    standard = (tokens - tokens.mean(0)) / tokens.std(0, ddof=1)
    theirs = PCA(4).fit(standard)
    ours = part(torch.from_numpy(tokens)[None].float())[0].double().numpy()
    expected = theirs.transform(standard)
    scale = np.abs(ours).mean() / np.abs(expected).mean()
    np.testing.assert_allclose(np.abs(ours), scale * np.abs(expected), rtol=1e-3, atol=1e-3)
    assert share == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-6)
    assert ours.var(axis=0).mean() == pytest.approx(1, abs=0.01)
