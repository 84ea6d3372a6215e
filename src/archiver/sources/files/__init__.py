"""Files below one directory, read for the sources that keep their bytes there.

In: paths below a root. Out: bytes, or errors of the house. ``disk`` decides whether the event loop may wait for the disk, ``reader`` reads.
"""

from archiver.sources.files.disk import SLICE_SECONDS, Disk
from archiver.sources.files.reader import Files

__all__ = ["SLICE_SECONDS", "Disk", "Files"]
