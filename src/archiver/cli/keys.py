"""``archiver keys``: show, rotate, retire. Ids only: no key is ever shown."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output

__all__ = ["retire", "rotate", "show"]


async def show(*, options: Options | None = None) -> None:
    """Show the ids of the keys that seal credentials, and how many credentials each has sealed.

    ```
    archiver keys show
    ```
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        keys = await archiver.keys.show()
    if not keys.held:
        out.say(f"There is no key yet: {keys.place} is made when the first credential is sealed.")
    else:
        out.say(f"Keys in {keys.place}; the first one seals, all of them open.")
        known = {key: keys.sealed.get(key, 0) for key in keys.held} | dict(keys.sealed)
        out.table(
            ["key", "held", "credentials"],
            [(key, "yes" if key in keys.held else "no", number) for key, number in known.items()],
            right=frozenset({"credentials"}),
        )
    missing = sum(number for key, number in keys.sealed.items() if key not in keys.held)
    if missing:
        out.say(f"{missing} credentials were sealed with keys that are not held: bring those back, or connect these storages again.")
    out.result(keys)


async def rotate(
    *, fresh: Annotated[bool, Parameter(negative="--no-fresh", show_default=False)] = True, options: Options | None = None
) -> int:
    """Seal every credential anew with a fresh key.

    The fresh key is put in front of the others in the key file; the old ones stay, so that nothing stops working, until
    `archiver keys retire`. May be interrupted at any point: the next `archiver keys rotate` goes on. May run while `archiver run`
    runs on this machine. On several machines, or with keys from the environment, put the fresh key in front everywhere first, and
    use `--no-fresh`.

    ```
    archiver keys rotate
    archiver keys retire
    ```

    Args:
        fresh: Make a fresh key; without, seal with the first one that there is.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        done = await archiver.keys.rotate(fresh=fresh, told=lambda so_far, total: out.say(f"{so_far:,} of {total:,} credentials"))
    if not done.key:
        out.say("There is no key yet, and nothing to seal.")
    else:
        out.say(f"Key {done.key} seals now{' (fresh)' if done.fresh else ''}; {done.resealed:,} credentials were sealed anew.")
    if done.left:
        out.say(f"{done.left:,} changed meanwhile and are under another key: archiver keys rotate")
    elif done.key:
        out.say("Keep a copy of the key elsewhere. The old ones can go: archiver keys retire")
    out.result(done)
    return 1 if done.left else 0


async def retire(*, options: Options | None = None) -> None:
    """Take away every key but the one that seals, if no credential needs them any more.

    ```
    archiver keys retire
    ```
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        gone = await archiver.keys.retire()
    out.say(f"Taken away: {', '.join(gone)}." if gone else "There is only one key, and it is needed.")
    out.result({"retired": gone})
