"""Frozen features, computed once."""

from dias.features.clips import ClipFeatures
from dias.features.extract import Views, build_cache, check_some, unreadable
from dias.features.key import CacheKey
from dias.features.store import FeatureCache

__all__ = ["CacheKey", "ClipFeatures", "FeatureCache", "Views", "build_cache", "check_some", "unreadable"]
