"""Ed25519 keys for bundles: the user's own signing key, and the public keys that are trusted.

Layout below ``<home>/keys``: ``signing.key`` (PEM, readable by its owner alone),
``trusted/<key id>.pub`` (64 hex digits), one file a key, ``revoked/`` likewise, and ``old-<key id>.key``
for signing keys that were replaced.  A key's id is the first 16 hex digits of
the SHA-256 of its public bytes.  The agent on a board reads the same kind of folder.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.errors import BundleError, UsageError
from ntorc.paths import home
from ntorc.records import storage_errors, write_atomically
from ntorc_board.errors import RefusedError
from ntorc_board.manifest import key_id_of, load_trusted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNING = "signing.key"
"""The signing key's file below the keys' folder."""
_TRUSTED = "trusted"
_REVOKED = "revoked"


@dataclass(frozen=True)
class SigningKey:
    """A private key; ``public`` are the 32 bytes of its public half, ``key_id`` its name."""

    public: bytes
    key_id: str
    _private: Ed25519PrivateKey

    def sign(self, content: bytes) -> bytes:
        """The Ed25519 signature of ``content``: 64 bytes."""
        return self._private.sign(content)


def keys_folder() -> Path:
    """Where the user's keys are: ``<home>/keys``."""
    return home() / "keys"


def trusted_folder(folder: Path | None = None) -> Path:
    """The folder of trusted public keys, as the agent on a board wants it."""
    return (folder or keys_folder()) / _TRUSTED


def signing_key(folder: Path | None = None) -> SigningKey:
    """The signing key in ``folder`` (default: `keys_folder`); made, and trusted, on first use.

    Raises:
        BundleError: the key's file can be read by others, or is no Ed25519 key.
        StorageError: the folder cannot be written.
    """
    folder = folder or keys_folder()
    path = folder / SIGNING
    if not path.exists():
        _make(path)
    key = _load(path)
    own = trusted_folder(folder) / f"{key.key_id}.pub"
    if key.key_id in revoked_keys(folder):
        raise BundleError(f"your signing key {key.key_id} was revoked", "make another: ntorc keys create --replace")
    if not own.exists():
        trust(key.public.hex(), folder)
    return key


def trusted_keys(folder: Path | None = None) -> dict[str, bytes]:
    """The trusted public keys (32 bytes each) by key id.

    Raises:
        BundleError: a file among them is not such a key.
    """
    try:
        return load_trusted(trusted_folder(folder))
    except RefusedError as error:
        raise BundleError(error.message, error.hint) from error


def own_key_id(folder: Path | None = None) -> str | None:
    """The id of the user's signing key, or None while there is none."""
    path = (folder or keys_folder()) / SIGNING
    return _load(path).key_id if path.exists() else None


def create_key(folder: Path | None = None, *, replace: bool = False) -> SigningKey:
    """A new signing key, which is trusted; an old one is kept beside it and stays trusted until it is revoked.

    Raises:
        UsageError: there is one, and ``replace`` does not say to make another.
    """
    folder = folder or keys_folder()
    path = folder / SIGNING
    if path.exists():
        if not replace:
            raise UsageError(f"there is a signing key: {_load(path).key_id}", "see `ntorc keys show`, or add --replace")
        with storage_errors(path):
            os.rename(path, folder / f"old-{_load(path).key_id}.key")
    return signing_key(folder)


def revoked_keys(folder: Path | None = None) -> list[str]:
    """The ids of the keys that were revoked."""
    return sorted(path.stem for path in ((folder or keys_folder()) / _REVOKED).glob("*.pub"))


def public_of(key_id: str, folder: Path | None = None) -> bytes:
    """The public half of a trusted key.

    Raises:
        UsageError: no such key is trusted.
    """
    known = trusted_keys(folder)
    if key_id not in known:
        raise UsageError(f"no key {key_id} is trusted", f"trusted: {', '.join(sorted(known)) or 'none'}")
    return known[key_id]


def trust(public_hex: str, folder: Path | None = None, *, again: bool = False) -> str:
    """Trust a public key given as 64 hex digits; returns its id.

    Raises:
        UsageError: the text is not a public key, or it was revoked and ``again`` does not say to trust it again.
    """
    text = public_hex.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError("a public key is 64 hex digits", "copy the contents of the other computer's .pub file")
    key_id = key_id_of(bytes.fromhex(text))
    revoked = (folder or keys_folder()) / _REVOKED / f"{key_id}.pub"
    if revoked.exists() and not again:
        raise UsageError(f"the key {key_id} was revoked", "add --again where that was a mistake")
    revoked.unlink(missing_ok=True)
    write_atomically(trusted_folder(folder) / f"{key_id}.pub", f"{text}\n".encode())
    return key_id


def revoke(key_id: str, folder: Path | None = None) -> None:
    """Trust a key no longer, nor anew by mistake.

    Raises:
        UsageError: no such key is trusted.
    """
    content = f"{public_of(key_id, folder).hex()}\n".encode()
    write_atomically((folder or keys_folder()) / _REVOKED / f"{key_id}.pub", content)
    (trusted_folder(folder) / f"{key_id}.pub").unlink(missing_ok=True)


def _make(path: Path) -> None:
    """Make a key; of two processes that do so at once, the first one's key stays."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{SIGNING}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(name, path)
        except FileExistsError:
            return
        finally:
            os.unlink(name)


def _load(path: Path) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    hint = f"move {path} away; a new key is made on the next use, and boards must then trust it"
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BundleError(f"the signing key {path} can be read by others", f"chmod 600 {path}, or {hint}")
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleError(f"cannot read the signing key {path}: {error}", hint) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BundleError(f"{path} is not an Ed25519 key", hint)
    public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return SigningKey(public, key_id_of(public), private)
