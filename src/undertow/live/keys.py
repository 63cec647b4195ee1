"""The agent key: where it is looked for, and what is refused before anybody is asked.

Looked for in the environment (``UNDERTOW_AGENT_KEY``), in a file (``live.key_file``), in the keyring of
the operating system (``live.keyring_name``, service ``undertow``), in this order; the first one there
counts. A key may say which network it is for (``testnet:0x…``), and is then refused on another. No text
made here holds a key, or any part of one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from undertow.venue.endpoints import Network
from undertow.venue.signing import Signer, SigningError

VARIABLE: Final = "UNDERTOW_AGENT_KEY"
SERVICE: Final = "undertow"
_NETWORKS: Final = ("local", "testnet", "mainnet")


class KeyRefused(ValueError):
    """A key that is not used; the text says why and what to do, and holds nothing of the key."""


@dataclass(frozen=True)
class FoundKey:
    """A signer and, for people, where its key was found."""

    signer: Signer
    source: str


def find_key(
    network: Network, *, key_file: str = "", keyring_name: str = "", environ: MutableMapping[str, str]
) -> FoundKey | None:
    """The agent key for `network`, or None where there is none anywhere.

    A key in `environ` is taken out of it, so that no child process inherits it. Raises `KeyRefused`.
    """
    text = environ.pop(VARIABLE, "")
    if text.strip():
        return _made(text, network, VARIABLE)
    if key_file:
        return _made(read_key_file(Path(key_file).expanduser()), network, key_file)
    if keyring_name:
        return _made(_of_keyring(keyring_name), network, f"keyring entry {keyring_name}")
    return None


def read_key_file(path: Path) -> str:
    """The text of a key file that its owner alone can read. Raises `KeyRefused`."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        link = " (a link is not followed)" if path.is_symlink() else ""
        raise KeyRefused(f"key file {path} cannot be read: {error.strerror}{link}") from None
    try:
        if fault := mode_fault(os.fstat(fd), path):
            raise KeyRefused(fault)
        return os.read(fd, 4_096).decode("ascii", errors="replace")
    finally:
        os.close(fd)


def mode_fault(found: os.stat_result, path: Path) -> str:
    """Why a file of this state must not hold a key, with the command that mends it; empty: it may."""
    if not stat.S_ISREG(found.st_mode):
        return f"key file {path} is not a regular file"
    if found.st_uid != os.getuid():
        return f"key file {path} belongs to user {found.st_uid}: chown {os.getuid()} {path}"
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~(stat.S_IRUSR | stat.S_IWUSR):
        return f"key file {path} has mode {mode:04o}, others may reach it: chmod 600 {path}"
    return ""


def _of_keyring(name: str) -> str:
    try:
        import keyring
    except ImportError:
        raise KeyRefused(
            f"live.keyring_name = {name!r} needs the keyring extra: pip install 'undertow[keyring]'"
        ) from None
    try:
        text = keyring.get_password(SERVICE, name)
    except Exception as error:  # backends raise what they like; its text is theirs, and is not shown
        raise KeyRefused(f"the keyring cannot be asked ({type(error).__name__}): unlock it") from None
    if not text:
        raise KeyRefused(f"the keyring has no {name!r}: keyring set {SERVICE} {name}")
    return str(text)


def _made(text: str, network: Network, source: str) -> FoundKey:
    words = text.split()
    if len(words) != 1:
        raise KeyRefused(f"{source} must hold one key and nothing else, it holds {len(words)} words")
    named, colon, key = words[0].rpartition(":")
    if colon and named not in _NETWORKS:
        raise KeyRefused(f"{source}: what stands before the key must be testnet: or mainnet:")
    if colon and named != network:
        raise KeyRefused(f"{source} holds a key for {named}, and this is {network}: take the other key")
    try:
        return FoundKey(Signer(key, mainnet=network == "mainnet"), source)
    except SigningError as error:
        raise KeyRefused(f"{source}: {error}") from None
