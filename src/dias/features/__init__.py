"""Frozen features, computed once."""

from dias.features.extract import Views, build_cache, unreadable
from dias.features.key import CacheKey
from dias.features.store import FeatureCache

__all__ = ["CacheKey", "FeatureCache", "Views", "build_cache", "unreadable"]
