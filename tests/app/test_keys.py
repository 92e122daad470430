from __future__ import annotations

import hashlib
import re
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import InvalidInput, MissingExtra, NotFound, StorageFailure
from outcrop.domain.keys import KeyKind


@pytest.fixture
def file(home: Path) -> Path:
    """Where the key file lies by default."""
    return home / "secret.key"


def test_an_access_key_has_the_shape_of_amazons(idle: Outcrop) -> None:
    new = idle.keys.create("CI")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", new.key.id)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", new.secret)
    assert (new.key.kind, new.key.name, new.key.expires, new.key.revoked) == (KeyKind.ACCESS, "CI", None, None)
    assert idle.keys.list() == [new.key]
    assert idle.keys.secret(idle.keys.show(new.key.id)) == new.secret


def test_a_bearer_key_is_stored_as_its_digest_only(idle: Outcrop, file: Path) -> None:
    new = idle.keys.create(bearer=True)
    assert re.fullmatch(r"outcrop-[A-Za-z0-9_-]{43}", new.secret)
    assert re.fullmatch(r"BEAR[A-Z2-7]{16}", new.key.id)
    assert idle.keys.list()[0].sealed == hashlib.sha256(new.secret.encode()).hexdigest()
    assert not file.exists()


def test_no_secret_is_found_in_the_home_folder(idle: Outcrop, home: Path) -> None:
    secrets = [idle.keys.create(bearer=bearer).secret.encode() for bearer in (False, True) for _ in range(3)]
    idle.close()
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not [secret for secret in secrets for data in files if secret in data]
    assert len(set(secrets)) == 6


def test_a_repr_shows_no_secret(idle: Outcrop) -> None:
    new = idle.keys.create()
    assert new.secret not in repr(new)
    assert new.key.sealed not in repr(new)


def test_keys_expire_and_are_revoked(idle: Outcrop) -> None:
    one, two = idle.keys.create(lifetime=60), idle.keys.create(bearer=True)
    assert one.key.expires == one.key.created + 60
    assert one.key.state(one.key.created + 59.9) == "holds"
    assert one.key.state(one.key.created + 60) == "expired"
    revoked = idle.keys.revoke(two.key.id)
    assert revoked.revoked is not None
    assert revoked.state(0) == "revoked"
    assert idle.keys.list() == [one.key, revoked]
    for verb in (idle.keys.show, idle.keys.revoke):
        with pytest.raises(NotFound, match="'nobody'"):
            verb("nobody")


@pytest.mark.parametrize("name", ["a" * 256, "a\nb", "\x1b[31m", "\0"])
@pytest.mark.parametrize("lifetime", [0, -1.0, float("nan"), float("inf"), 4e9])
def test_all_faults_at_once(idle: Outcrop, name: str, lifetime: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        idle.keys.create(name, lifetime=lifetime)
    assert [fault.where for fault in caught.value.faults] == ["name", "lifetime"]
    assert idle.keys.list() == []


# the key file


def test_the_key_file_is_for_its_owner_alone(idle: Outcrop, file: Path) -> None:
    idle.keys.create()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    idle.keys.create()
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_file_that_others_can_open_is_refused(idle: Outcrop, file: Path, mode: int) -> None:
    new = idle.keys.create()
    file.chmod(mode)
    for use in (idle.keys.create, lambda: idle.keys.secret(new.key)):
        with pytest.raises(StorageFailure, match=rf"secret\.key \(mode {mode:04o}\); chmod 600 it"):
            use()
    file.chmod(0o400)
    assert idle.keys.secret(new.key) == new.secret


def test_a_setting_names_the_key_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_KEY_FILE", str(tmp_path / "kept" / "secret.key"))
    with Outcrop(home) as outcrop:
        new = outcrop.keys.create()
        assert outcrop.keys.secret(new.key) == new.secret
    assert (tmp_path / "kept" / "secret.key").exists()
    assert not (home / "secret.key").exists()


def test_another_machine_needs_the_same_key_file(idle: Outcrop, file: Path) -> None:
    new = idle.keys.create()
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(StorageFailure, match=r"no key file .*copy it from the machine that made them"):
        idle.keys.create()
    assert not file.exists()
    with Outcrop(file.parent / "other") as other:
        other.keys.create()
    (file.parent / "other" / "secret.key").rename(file)
    for use in (idle.keys.create, lambda: idle.keys.secret(new.key)):
        with pytest.raises(StorageFailure, match=r"sealed with another key file.*OUTCROP_KEY_FILE"):
            use()
    file.write_bytes(kept)
    assert idle.keys.secret(new.key) == new.secret


def test_a_lost_key_file_is_made_anew_once_its_keys_are_revoked(idle: Outcrop, file: Path) -> None:
    idle.keys.revoke(idle.keys.create().key.id)
    file.unlink()
    new = idle.keys.create()
    assert idle.keys.secret(new.key) == new.secret


def test_rows_can_not_be_exchanged(idle: Outcrop) -> None:
    one, two = idle.keys.create(), idle.keys.create()
    with pytest.raises(StorageFailure, match=f"key {one.key.id} does not open"):
        idle.keys.secret(replace(one.key, sealed=two.key.sealed))
    for sealed in (one.key.sealed[:-4], one.key.sealed.swapcase(), "", "aesgcm1:", "aesgcm1:AAAA"):
        with pytest.raises(StorageFailure, match="does not open"):
            idle.keys.secret(replace(one.key, sealed=sealed))


@pytest.mark.parametrize("data", [b"", b"short", b"A" * 44, b"\xff" * 32, b"A" * 5000])
def test_a_file_that_is_no_key_file(idle: Outcrop, file: Path, data: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(data)
    with pytest.raises(StorageFailure, match="is no key file; expected 32 bytes in Base64"):
        idle.keys.create()
    assert file.read_bytes() == data


def test_a_folder_in_the_place_of_the_key_file(idle: Outcrop, file: Path) -> None:
    file.mkdir(mode=0o700)
    with pytest.raises(StorageFailure, match=r"secret\.key"):
        idle.keys.create()


def test_a_folder_that_can_not_be_made_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.setenv("OUTCROP_KEY_FILE", str(tmp_path / "taken" / "secret.key"))
    with Outcrop(home) as outcrop, pytest.raises(StorageFailure, match="can't be made or read"):
        outcrop.keys.create()


def test_many_first_keys_at_once_share_one_file(home: Path, file: Path) -> None:
    made = []

    def make() -> None:
        with Outcrop(home) as outcrop:
            made.append(outcrop.keys.create())

    with Outcrop(home) as outcrop:
        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [outcrop.keys.secret(new.key) for new in made] == [new.secret for new in made]
    assert len(made) == 8


def test_without_the_library_bearer_keys_can_be_made(idle: Outcrop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingExtra, match=r"pip install 'outcrop\[server\]'"):
        idle.keys.create()
    assert idle.keys.create(bearer=True).key in idle.keys.list()
