"""One search for many files: by the name that they would have, and by the key that they would have been made with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archiver.destinations.google_drive.api import Api, Request
from archiver.destinations.google_drive.wire import FILE_FIELDS, KEY, ROOT, DriveFile, FileList, quoted

__all__ = ["Looking", "Place"]

_QUERY_CHARACTERS = 3_000  # of an address that may have 8 KB, where a letter beyond ASCII takes nine bytes at worst
_PAGES_MOST = 20

Place = tuple[str, str, str]
"""Where a file would be: the folder's id, its name, its key."""


class Looking:
    """Searches in My Drive, or in a shared drive.

    Args:
        api: Makes the calls.
        shared_drive: Its id; empty for My Drive.
    """

    def __init__(self, api: Api, shared_drive: str) -> None:
        self._api = api
        self.everywhere = {"supportsAllDrives": "true"}
        self._where = {**self.everywhere, "includeItemsFromAllDrives": "true"}
        if shared_drive:
            self._where |= {"corpora": "drive", "driveId": shared_drive}

    def by_key(self, key: str) -> str:
        """A term: what was made with this key."""
        return f"appProperties has {{ key='{KEY}' and value={quoted(key)} }}"

    async def search(self, terms: str) -> list[DriveFile]:
        """Everything that a query finds.

        Raises:
            ArchiverError: The search was refused.
        """
        found: list[DriveFile] = []
        query = {"q": terms, "fields": f"nextPageToken,files({FILE_FIELDS})", "pageSize": "1000", "spaces": "drive", **self._where}
        for _ in range(_PAGES_MOST):
            request = Request(route="files.list", method="GET", path="/drive/v3/files", query=query)
            page: FileList = await self._api.ask(request, FileList)
            found += page.files
            if not page.next_page_token:
                break
            query = {**query, "pageToken": page.next_page_token}
        return found

    async def there(self, places: Sequence[Place]) -> dict[Place, list[DriveFile]]:
        """What stands at these places already, or was made for them and is elsewhere now; what was made for them comes first.

        Raises:
            ArchiverError: The search was refused.
        """
        found: dict[Place, list[DriveFile]] = {place: [] for place in places}
        for some in _chunks(places):
            by_name = {(parent, name): place for place in some for parent, name, _ in [place]}
            by_key, parents = {place[2]: place for place in some}, {place[0] for place in some}
            for file in await self.search(self._terms(some)):
                place = by_key.get(file.key)
                if place is not None:
                    found[place].insert(0, file)
                    continue
                # A search takes no notice of upper and lower case, and the root has another id than the alias that it was asked by.
                for (parent, name), other in by_name.items():
                    if file.name == name and (parent in file.parents or (parent == ROOT and parents.isdisjoint(file.parents))):
                        found[other].append(file)
        return found

    def _terms(self, places: Sequence[Place]) -> str:
        terms = []
        for parent in dict.fromkeys(place[0] for place in places):
            names = " or ".join(f"name = {quoted(name)}" for folder, name, _ in places if folder == parent)
            terms.append(f"({quoted(parent)} in parents and ({names}))")
        terms += [self.by_key(key) for _, _, key in places]
        return f"trashed = false and ({' or '.join(terms)})"


def _chunks(places: Sequence[Place]) -> Iterator[list[Place]]:
    """As many at a time as an address has room for."""
    some: list[Place] = []
    length = 0
    for place in places:
        cost = len(place[1].encode()) + 160
        if some and length + cost > _QUERY_CHARACTERS:
            yield some
            some, length = [], 0
        some.append(place)
        length += cost
    if some:
        yield some
