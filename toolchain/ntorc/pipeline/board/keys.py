"""Keys on this computer and on boards: `ntorc.bundle.keys` and the agent's own."""

from __future__ import annotations

import re
from typing import Any

from ntorc.bundle import keys
from ntorc.errors import UsageError
from ntorc.pipeline.board.boards import open_known
from ntorc.pipeline.flow import Flow


def list_keys(flow: Flow, target: str | None) -> dict[str, Any]:
    """Trusted and revoked keys, of this computer or of a board."""
    signing = keys.own_key_id()
    if target is None:
        trusted = {key_id: public.hex() for key_id, public in keys.trusted_keys().items()}
        revoked = keys.revoked_keys()
    else:
        with open_known(flow, target) as board:
            found = board.keys()
        trusted, revoked = found["trusted"], found["revoked"]
    plain = [{"id": key_id, "public": public} for key_id, public in sorted(trusted.items())]
    return {"signing": signing, "trusted": plain, "revoked": revoked}


def own_key() -> dict[str, Any]:
    """The user's signing key; made when there is none."""
    return _plain(keys.signing_key())


def make_key(*, replace: bool) -> dict[str, Any]:
    """A new signing key."""
    return _plain(keys.create_key(replace=replace))


def trust_key(flow: Flow, public: str, target: str | None, *, again: bool) -> dict[str, Any]:
    """Trust a key here and on a board."""
    key_id = keys.trust(public, again=again)
    if target is not None:
        with open_known(flow, target) as board:
            board.trust(bytes.fromhex(public.strip()), again=again)
    return {"id": key_id, "target": target}


def revoke_key(flow: Flow, key_id: str, target: str | None) -> dict[str, Any]:
    """Revoke a key here, or on a board."""
    if not re.fullmatch(r"[0-9a-f]{16}", key_id):
        raise UsageError(f"{key_id!r} is no key's id", "16 hex digits, as `ntorc keys list` shows them")
    if target is None:
        keys.revoke(key_id)
    else:
        with open_known(flow, target) as board:
            board.revoke(key_id)
    return {"id": key_id, "target": target}


def _plain(key: keys.SigningKey) -> dict[str, Any]:
    return {"id": key.key_id, "public": key.public.hex(), "file": str(keys.keys_folder() / keys.SIGNING)}
