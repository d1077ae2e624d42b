"""A page to try a model on: pictures and clips in, objects, similarities and merge trees out."""

from dias.web.finder import Cut, Finder, open_finder
from dias.web.settings import PageConfig
from dias.web.uploads import Upload, open_upload

__all__ = ["Cut", "Finder", "PageConfig", "Upload", "open_finder", "open_upload"]
