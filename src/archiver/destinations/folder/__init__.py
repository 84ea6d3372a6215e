"""A destination in a folder of this machine, or one mounted on it.

`destination` is the adapter, `files` what happens on the disk (one thread hop per batch), `errors` the system's errors in Archiver's words.
"""

from archiver.destinations.folder.destination import ADAPTER, FolderAdapter, FolderDestination

__all__ = ["ADAPTER", "FolderAdapter", "FolderDestination"]
