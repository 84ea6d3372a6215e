"""A directory of recordings, SMS and fax, with optional sidecars, watched for what comes.

In: a root directory. Out: a discovery per complete file; its bytes.

``source`` is the adapter; ``rounds`` says which walk comes next, ``scan`` walks, ``seen`` remembers a million paths in 17 MB, ``watch``
hears of changes, ``candidates`` judges single files, ``complete`` knows when one is whole, ``sidecar`` reads what is known about it.
"""

from archiver.sources.folder.source import ADAPTER, FolderAdapter, FolderSettings, FolderSource

__all__ = ["ADAPTER", "FolderAdapter", "FolderSettings", "FolderSource"]
