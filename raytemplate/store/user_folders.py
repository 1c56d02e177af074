"""This user's folders for configuration and state, as the XDG Base Directory Specification names them."""

import os
from pathlib import Path

from raytemplate.errors import UsageError


def config_folder() -> Path:
    """$XDG_CONFIG_HOME, or ~/.config.

    Raises:
        UsageError: neither is known.
    """
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """$XDG_STATE_HOME, or ~/.local/state.

    Raises:
        UsageError: neither is known.
    """
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(name: str, otherwise: str) -> Path:
    named = Path(os.environ.get(name, ""))
    if named.is_absolute():  # the specification says to ignore a relative path
        return named
    try:
        return Path.home() / otherwise
    except RuntimeError as error:
        raise UsageError(f"neither {name} nor HOME is set", next_step=f"export {name}=DIR") from error
