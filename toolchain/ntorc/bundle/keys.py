"""Ed25519 keys for bundles: the user's own signing key, and the public keys that are trusted.

Layout below ``<home>/keys``: ``signing.key`` (PEM, readable by its owner alone) and
``trusted/<key id>.pub`` (64 hex digits), one file a key.  A key's id is the first 16 hex digits of
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

_SIGNING = "signing.key"
_TRUSTED = "trusted"


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
    path = folder / _SIGNING
    if not path.exists():
        _make(path)
    key = _load(path)
    own = trusted_folder(folder) / f"{key.key_id}.pub"
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


def trust(public_hex: str, folder: Path | None = None) -> str:
    """Trust a public key given as 64 hex digits; returns its id.

    Raises:
        UsageError: the text is not a public key.
    """
    text = public_hex.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError("a public key is 64 hex digits", "copy the contents of the other computer's .pub file")
    key_id = key_id_of(bytes.fromhex(text))
    write_atomically(trusted_folder(folder) / f"{key_id}.pub", f"{text}\n".encode())
    return key_id


def distrust(key_id: str, folder: Path | None = None) -> None:
    """Trust a key no longer.

    Raises:
        UsageError: no such key is trusted.
    """
    known = sorted(trusted_keys(folder))
    if key_id not in known:
        raise UsageError(f"no key {key_id} is trusted", f"trusted: {', '.join(known) or 'none'}")
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
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_SIGNING}.")  # mode 0600
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
