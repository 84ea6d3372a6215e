"""``archiver completion``: lets a shell complete commands and flags."""

from __future__ import annotations

import sys
from typing import Literal

from archiver.cli.options import Options

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"], /, *, options: Options | None = None) -> None:
    """Print a script with which a shell completes commands, flags and their values.

    ```
    archiver completion bash > ~/.local/share/bash-completion/completions/archiver
    archiver completion zsh > "${fpath[1]}/_archiver"
    archiver completion fish > ~/.config/fish/completions/archiver.fish
    ```

    Args:
        shell: Whose.
    """
    from archiver.cli import app  # noqa: PLC0415  it is what calls this command

    del options
    sys.stdout.write(app().generate_completion(shell=shell))
