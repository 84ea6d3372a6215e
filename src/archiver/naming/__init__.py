"""The path of an item in the customer's storage; pure.

In: a discovery, the customer's template, the storage's rules. Out: one path, which is written to the delivery at birth and never changes.

Two items never share a path, whatever their templates, numbers and names are. Four facts make it so:

* Directories and the file name are delimited by ``/``, tokens of the file name by ``_``; no value can contain either (in a file name ``_``
  becomes ``-``).
* The id is a whole token, the first or the last; a template that has none, or glues it to something else, gets it appended.
* The kind is a whole directory or a whole first token; if the template has neither, the id carries it (``sms-123``).
* An id that had to be changed for the storage, or that differs from another only by case, carries ``~`` and a hash of the exact id.
  One that only lost its extension, which the name has anyway, carries a bare ``~``. Nothing else can contain ``~``.
"""

from archiver.naming.fields import FIELDS, extension_of
from archiver.naming.path import item_path
from archiver.naming.rules import RULES, clean_part
from archiver.naming.templates import DEFAULT_TEMPLATE, TEMPLATES, check_template

__all__ = ["DEFAULT_TEMPLATE", "FIELDS", "RULES", "TEMPLATES", "check_template", "clean_part", "extension_of", "item_path"]
