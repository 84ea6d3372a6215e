"""A directory of recordings, SMS and fax, with optional sidecars, watched for what comes.

In: a root directory. Out: a discovery per complete file; its bytes.

``source`` is the adapter; ``scan`` walks and remembers, ``watch`` hears of changes, ``complete`` knows when a file is whole, ``sidecar``
reads what is known about it, ``disk`` decides whether the event loop may wait for the disk, ``seen`` remembers a million paths in 17 MB.
"""

from archiver.sources.folder.source import ADAPTER, FolderAdapter, FolderSettings, FolderSource

__all__ = ["ADAPTER", "FolderAdapter", "FolderSettings", "FolderSource"]
