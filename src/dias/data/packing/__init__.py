"""Packs: a data set as a few large files, to be read from a disk or from object storage.

The shards are plain tar files, as `tar` and WebDataset read them; what makes them a pack is the index beside
them, which says where each sample lies. No file of a pack can name code, and none is read by pickle.
"""

from dias.data.packing.manifest import Manifest, PackSettings
from dias.data.packing.write import pack

__all__ = ["Manifest", "PackSettings", "pack"]
