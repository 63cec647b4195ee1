"""The agent key: where it is found, what is refused, and that nothing tells it."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path

import pytest
from tests.live.venues import AGENT, KEY

from undertow.live.keys import VARIABLE, KeyRefused, find_key, read_key_file


def key_file(tmp_path: Path, text: str = KEY, mode: int = 0o600) -> Path:
    path = tmp_path / "agent.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_comes_first_and_is_emptied(tmp_path: Path) -> None:
    environ = {VARIABLE: f" 0x{KEY}\n"}
    found = find_key("testnet", key_file=str(key_file(tmp_path, "11" * 32)), environ=environ)
    assert found is not None
    assert found.signer.address == AGENT.address
    assert found.source == VARIABLE
    assert environ == {}


def test_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    found = find_key("mainnet", key_file=str(key_file(tmp_path)), environ={})
    assert found is not None
    assert found.signer.address == AGENT.address
    assert found.signer.mainnet
    assert find_key("mainnet", key_file=str(key_file(tmp_path, mode=0o400)), environ={}) is not None
    assert find_key("mainnet", environ={}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o700, 0o610, 0o644])
def test_a_laxer_mode_is_refused_with_what_to_run(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(KeyRefused, match=f"mode {mode:04o}.*chmod 600 {path}"):
        read_key_file(path)


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = key_file(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(KeyRefused, match="a link is not followed"):
        read_key_file(link)
    with pytest.raises(KeyRefused, match="No such file"):
        read_key_file(tmp_path / "none")
    with pytest.raises(KeyRefused, match="not a regular file"):
        read_key_file(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 4_242)
    with pytest.raises(KeyRefused, match="belongs to user"):
        read_key_file(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"testnet:{KEY}", "a key for testnet, and this is mainnet"),
        (f"master:{KEY}", "must be testnet: or mainnet:"),
        (KEY[:-1], "32 bytes"),
        (f"{KEY} {KEY}", "holds 2 words"),
        ("zz" * 32, "32 bytes"),
        ("00" * 32, "32 bytes"),
    ],
)
def test_what_is_no_key_for_this_network_is_refused_without_telling_it(text: str, says: str) -> None:
    with pytest.raises(KeyRefused, match=says) as caught:
        find_key("mainnet", environ={VARIABLE: text})
    told = str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
    assert not any(part in told for part in text.split() if len(part) > 16)
    assert KEY not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_key_for_its_own_network_is_taken() -> None:
    assert find_key("testnet", environ={VARIABLE: f"testnet:0x{KEY}"}) is not None


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeyRefused, match=r"undertow\[keyring\]"):
        find_key("testnet", keyring_name="maker", environ={})
    kept = {("undertow", "maker"): KEY}
    ring = types.SimpleNamespace(get_password=lambda service, name: kept.get((service, name)))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    found = find_key("testnet", keyring_name="maker", environ={})
    assert found is not None
    assert found.source == "keyring entry maker"
    with pytest.raises(KeyRefused, match="keyring set undertow other"):
        find_key("testnet", keyring_name="other", environ={})

    def locked(service: str, name: str) -> str:
        raise RuntimeError(f"cannot decrypt {KEY}")

    ring.get_password = locked
    with pytest.raises(KeyRefused, match="RuntimeError") as caught:
        find_key("testnet", keyring_name="maker", environ={})
    assert KEY not in str(caught.value)


def test_a_found_key_is_not_shown_and_not_pickled() -> None:
    found = find_key("testnet", environ={VARIABLE: KEY})
    assert KEY not in f"{found} {found!r}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(found)
