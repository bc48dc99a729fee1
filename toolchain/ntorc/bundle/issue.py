"""The order of a key's bundles: a number that grows with each that is issued.

A board records the highest number that it has confirmed for each key and refuses what is older, so
that a bundle of last month cannot be played to it again.  Deploying an older design on purpose
issues it anew, with the next number: only who holds the key can.

The number is kept in ``<home>/keys/issued.json`` and starts at the seconds since 1970, so that a
second computer with the same key, or a restored key without this file, does not fall behind.
"""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path

from ntorc.bundle.keys import keys_folder
from ntorc.errors import BundleError
from ntorc.records import storage_errors, to_json, write_atomically

_STATE = "issued.json"


def sequence_for(key_id: str, identity: str, folder: Path | None = None) -> int:
    """The number of the bundle that is issued now.

    The same content as last time keeps its number, so that deploying it again makes the same bundle.

    Args:
        key_id: the signing key's.
        identity: digest of everything that goes into the bundle but this number.
        folder: where the keys are, or None for the user's.

    Raises:
        BundleError: the record is damaged.
        StorageError: it cannot be written.
    """
    folder = folder or keys_folder()
    path = folder / _STATE
    with storage_errors(path):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / f".{_STATE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            issued = _read(path)
            last_number, last_identity = issued.get(key_id, (0, ""))
            if identity == last_identity:
                return last_number
            number = max(last_number + 1, int(time.time()))
            issued[key_id] = (number, identity)
            plain = {key: {"sequence": one, "identity": other} for key, (one, other) in issued.items()}
            write_atomically(path, to_json(plain).encode())
            return number


def _read(path: Path) -> dict[str, tuple[int, str]]:
    try:
        plain = json.loads(path.read_bytes())
        return {str(key): (int(entry["sequence"]), str(entry["identity"])) for key, entry in plain.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(
            f"{path} is damaged: {error}", "remove it; the next number then starts from the clock, which is higher"
        ) from error
