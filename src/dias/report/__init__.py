"""One HTML page of a run."""

from dias.report.gallery import Gallery, Picture, photo_gallery, scene_galleries
from dias.report.write import write_report

__all__ = ["Gallery", "Picture", "photo_gallery", "scene_galleries", "write_report"]
