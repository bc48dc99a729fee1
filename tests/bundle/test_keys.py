"""Keys: made on first use, private, trusted by name."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ntorc.bundle.keys import keys_folder, revoke, signing_key, trust, trusted_folder, trusted_keys
from ntorc.errors import BundleError, UsageError


def test_made_once_private_and_trusted(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600
    assert signing_key(tmp_path).public == key.public
    assert trusted_keys(tmp_path) == {key.key_id: key.public}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing.key", "trusted"]
    Ed25519PublicKey.from_public_bytes(key.public).verify(key.sign(b"text"), b"text")


def test_default_folder_follows_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTORC_HOME", str(tmp_path / "store"))
    assert keys_folder() == tmp_path / "store" / "keys"
    key = signing_key()
    assert trusted_keys() == {key.key_id: key.public}
    assert trusted_folder() == tmp_path / "store" / "keys" / "trusted"


def _public_of(folder: str) -> str:
    return signing_key(Path(folder)).public.hex()


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_public_of, [str(tmp_path / "keys")] * 8))) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path)
    (tmp_path / "signing.key").chmod(0o640)
    with pytest.raises(BundleError, match="can be read by others") as caught:
        signing_key(tmp_path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not a key", b"\xff\xfe"])
def test_a_damaged_key_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BundleError, match="cannot read the signing key"):
        signing_key(tmp_path)


def test_another_kind_of_key_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    with pytest.raises(BundleError, match="not an Ed25519 key"):
        signing_key(tmp_path)


def test_trust_and_revoke(tmp_path: Path) -> None:
    other = signing_key(tmp_path / "other")
    own = signing_key(tmp_path / "own")
    key_id = trust(other.public.hex().upper() + "\n", tmp_path / "own")
    assert key_id == other.key_id
    assert trusted_keys(tmp_path / "own") == {own.key_id: own.public, other.key_id: other.public}
    revoke(key_id, tmp_path / "own")
    assert trusted_keys(tmp_path / "own") == {own.key_id: own.public}
    with pytest.raises(UsageError, match="no key"):
        revoke(key_id, tmp_path / "own")


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "../../etc/passwd"])
def test_what_is_no_public_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="64 hex digits"):
        trust(text, tmp_path)


def test_a_trusted_file_must_have_the_name_of_its_key(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    path = trusted_folder(tmp_path) / f"{key.key_id}.pub"
    path.rename(path.with_name("0000000000000000.pub"))
    with pytest.raises(BundleError, match="named by its id"):
        trusted_keys(tmp_path)
