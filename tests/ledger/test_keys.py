"""Keys are made once, for their owner alone, and refused if others can use them."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import here

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.ledger import keys
from raytemplate.ledger.signing import PublicKey, new_private_key, signed_bytes, signer_of

NUM_PROCESSES = 4


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the keys, which does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return keys.key_folder()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_on_first_use_for_its_owner_alone(folder: Path) -> None:
    assert keys.local_keys() == () and not folder.exists()
    made = keys.promoter()
    assert (mode(folder), mode(folder / "promoter.pem"), os.listdir(folder)) == (0o700, 0o600, ["promoter.pem"])
    assert keys.promoter().key == made.key != keys.signer("identity").key
    assert made.key.has_signed(made.sign(b"yes"), b"yes") and not made.key.has_signed(made.sign(b"yes"), b"no")


def made_at_once(_: int) -> str:
    return keys.promoter().key.id


def test_processes_that_need_a_key_at_once_make_one() -> None:
    with multiprocessing.get_context("spawn").Pool(NUM_PROCESSES) as pool:
        assert len(set(pool.map(made_at_once, range(NUM_PROCESSES), chunksize=1))) == 1


def test_a_new_key_signs_from_now_on_and_the_old_one_is_kept() -> None:
    old, new = keys.promoter().key, keys.new_key("promoter")
    assert keys.promoter().key == new.key != old
    assert [(key.key, key.in_use) for key in keys.local_keys()] == [(new.key, True), (old, False)]
    assert {mode(key.path) for key in keys.local_keys()} == {0o600}


def others_can_read(path: Path) -> None:
    path.chmod(0o644)


def others_can_replace(path: Path) -> None:
    path.parent.chmod(0o777)


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def of_another_kind(path: Path) -> None:
    path.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


REFUSED = [
    (others_can_read, "others can use this private key (mode 0644, expected 0600)", "chmod 600 "),
    (others_can_replace, "others can replace the private keys in it", "chmod 700 "),
    (damaged, "not a private key of Ed25519", "restore it from a backup, or replace it: raytemplate identity new"),
    (of_another_kind, "not a private key of Ed25519", "restore it from a backup, or replace it: raytemplate identity"),
]


@pytest.mark.parametrize(("fault", "what", "next_step"), REFUSED, ids=[fault.__name__ for fault, *_ in REFUSED])
def test_a_key_that_cannot_be_trusted_is_seven(
    folder: Path, fault: Callable[[Path], None], what: str, next_step: str
) -> None:
    before = keys.promoter().key
    fault(folder / "promoter.pem")
    with pytest.raises(IntegrityError) as refused:
        keys.promoter()
    assert what in refused.value.what and refused.value.next_step.startswith(next_step)
    assert "PRIVATE" not in refused.value.what
    if fault is not others_can_replace:
        assert keys.new_key("promoter").key != before  # the way out


def test_a_folder_that_cannot_be_made_is_two_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    for door in (keys.promoter, lambda: keys.check("promoter")):
        with pytest.raises(UsageError) as refused:
            door()
        assert refused.value.next_step.startswith("export XDG_CONFIG_HOME=DIR")


def test_a_key_can_be_written_in_one_way_only() -> None:
    text = signer_of(new_private_key()).key.text
    for other in (f"{text[:-2]}{chr(ord(text[-2]) + 1)}=", f"{text}\n", text.rstrip("="), "AAAA", "é"):
        with pytest.raises(ValueError, match=r"."):
            PublicKey.of(other)


def test_what_is_signed_is_what_dsse_says() -> None:
    """The example of the specification."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert signed_bytes("http://example.com/HelloWorld", b"hello world") == expected


def test_the_command_shows_replaces_and_never_prints_a_private_key(tmp_path: Path, folder: Path) -> None:
    assert here("identity", "show", cwd=tmp_path).stdout.startswith("No keys yet.")
    assert here("identity", "new", cwd=tmp_path).returncode == here("identity", "new", cwd=tmp_path).returncode == 0
    shown = here("identity", "show", cwd=tmp_path).stdout + here("identity", "show", "--json", cwd=tmp_path).stdout
    secrets = [line for path in folder.glob("*.pem") for line in path.read_text().splitlines() if "-" not in line]
    assert len(secrets) == 2 and not any(secret in shown for secret in secrets)
    assert shown.count("replaced") == 1
