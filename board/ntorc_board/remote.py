"""What an agent that is reached over SSH does besides: set-up, keys, leases, files, programs.

    enrol     {settings, public}: set a new board up and trust its first key
    keys      the keys that the board trusts and those that were revoked
    trust     {public, again?}
    revoke    {key_id}
    lease     {seconds, force?}
    release   {force?}
    firmware  {digest, recipe?}: whether these programs are compiled; with the recipe, compile them
    offer     {manifest, signature, sizes}: refuse the bundle now, or say which files are missing
    have      {sha256}: how many bytes of a file are here
    put       {sha256, offset, data, last}
    get       {offset}: of the last measurement's records
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ntorc_board.channel import Request
from ntorc_board.desk import Desk, Say
from ntorc_board.errors import BoardError, RefusedError, RequestError
from ntorc_board.files import replace_file
from ntorc_board.firmware import Recipe, Toolbox
from ntorc_board.lease import Leases
from ntorc_board.manifest import Verified, key_id_of, load_trusted
from ntorc_board.settings import parse_settings, write_settings
from ntorc_board.slots import Slots
from ntorc_board.uploads import Uploads, files_by_digest, read_chunk

_MAX_BYTES = 1 << 40
_VERSIONS = "use one version of ntorc on both sides"


class Remote:
    """Operations by name; each takes a request and gives its result."""

    def __init__(self, desk: Desk, slots: Slots, leases: Leases, step: Say) -> None:
        self._desk, self._slots, self._leases, self._step = desk, slots, leases, step
        self._uploads = Uploads(desk.root)
        self._toolbox = Toolbox(desk.root)
        self._offered: tuple[bytes, bytes, Verified] | None = None
        self.operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "enrol": self._enrol,
            "keys": self._keys,
            "trust": self._trust,
            "revoke": self._revoke,
            "lease": self._lease,
            "release": self._release,
            "firmware": self._firmware,
            "offer": self._offer,
            "have": self._have,
            "put": self._put,
            "get": self._get,
        }

    @property
    def records(self) -> Path:
        """Where a measurement's records go."""
        return self._desk.root / "run" / "records.bin"

    def sent_file(self, digest: str) -> Path:
        """A file that was sent, by its digest."""
        return self._uploads.path(digest)

    def drop_file(self, digest: str) -> None:
        """Remove a file that was sent."""
        self._uploads.remove(digest)

    def fill(self, digest: str) -> Callable[[Path], None]:
        """What brings the offered bundle's files into a folder.

        Raises:
            RequestError: that bundle was not offered.
        """
        if self._offered is None or self._offered[2].digest != digest:
            raise RequestError("this bundle was not offered", "offer it first")
        content, signature, verified = self._offered
        manifest = verified.manifest
        sources = files_by_digest(self._slots.folders(), manifest.files.values())
        return lambda target: self._uploads.assemble(target, manifest, content, signature, sources)

    def finish(self) -> None:
        """The offered bundle was stored or given up: what was sent for it is not needed any more."""
        self._offered = None
        self._uploads.clear()

    # ---- set-up and keys --------------------------------------------------------------------------

    def _enrol(self, request: Request) -> dict[str, Any]:
        if self._desk.settings is not None:
            raise RequestError("this board is set up already", "name it by what it is, or set it up by hand")
        try:
            settings = parse_settings(request["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(f"these settings cannot be: {error}", _VERSIONS) from error
        key_id = self._add_key(_public(request))
        write_settings(self._desk.root, settings)
        self._desk.settings = settings
        return {"settings": asdict(settings), "key_id": key_id}

    def _keys(self, request: Request) -> dict[str, Any]:
        revoked = self._revoked()
        return {
            "trusted": {key: public.hex() for key, public in load_trusted(self._desk.trusted).items()},
            "revoked": sorted(path.stem for path in revoked.glob("*.pub")) if revoked.is_dir() else [],
        }

    def _trust(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        public = _public(request)
        revoked = self._revoked() / f"{key_id_of(public)}.pub"
        if revoked.exists() and request.get("again") is not True:
            raise RefusedError(f"the key {key_id_of(public)} was revoked on this board", "use another key")
        key_id = self._add_key(public)
        revoked.unlink(missing_ok=True)
        return {"key_id": key_id}

    def _revoke(self, request: Request) -> dict[str, Any]:
        """First the note that it is revoked, then the key: killed between the two, it is still not trusted anew."""
        self._leases.check(self._desk.owner)
        key_id = _field(request, "key_id", r"[0-9a-f]{16}")
        path = self._desk.trusted / f"{key_id}.pub"
        if not path.is_file():
            raise RequestError(f"no key {key_id} is trusted on this board", "see `ntorc keys list --target`")
        self._revoked().mkdir(parents=True, exist_ok=True)
        _write(self._revoked() / path.name, path.read_bytes())
        path.unlink()
        return {"key_id": key_id}

    def _revoked(self) -> Path:
        return self._desk.root / "revoked"

    def _add_key(self, public: bytes) -> str:
        key_id = key_id_of(public)
        try:
            self._desk.trusted.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BoardError(f"cannot keep the key: {error.strerror}", "check the board's folder") from error
        _write(self._desk.trusted / f"{key_id}.pub", f"{public.hex()}\n".encode())
        return key_id

    # ---- lease ------------------------------------------------------------------------------------

    def _lease(self, request: Request) -> dict[str, Any]:
        seconds = request.get("seconds")
        if type(seconds) is not int:
            raise RequestError("a lease needs its seconds as a whole number", "say for how long")
        self._leases.take(self._desk.owner, seconds, force=request.get("force") is True)
        return self.lease_state()

    def _release(self, request: Request) -> dict[str, Any]:
        self._leases.release(self._desk.owner, force=request.get("force") is True)
        return self.lease_state()

    def lease_state(self) -> dict[str, Any]:
        """Whose the board is, and for how long."""
        held = self._leases.current()
        return {"owner": None, "left_s": 0} if held is None else {"owner": held[0], "left_s": round(held[1])}

    # ---- programs and files -----------------------------------------------------------------------

    def _firmware(self, request: Request) -> dict[str, Any]:
        digest = _field(request, "digest", r"[0-9a-f]{64}")
        found = self._toolbox.find(digest)
        if found is None and "recipe" in request:
            self._leases.check(self._desk.owner)
            if not isinstance(request["recipe"], dict):
                raise RequestError("a recipe is an object", _VERSIONS)
            recipe = Recipe.parse(request["recipe"])
            if recipe.digest != digest:
                raise RequestError("the recipe is not what its digest says", "send it again")
            found = self._toolbox.make(recipe, self._step)
        if found is not None:
            self._desk.use(found)
        return {"ready": found is not None}

    def _offer(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        content, signature = _bytes(request, "manifest"), _bytes(request, "signature")
        verified = self._desk.verify_manifest(content, signature)
        self._slots.refuse_replay(verified)
        wanted = set(verified.manifest.files.values())
        self._uploads.keep_only(wanted)
        here = files_by_digest(self._slots.folders(), wanted)
        missing = [digest for digest in sorted(wanted - set(here)) if self._uploads.have(digest) is not None]
        sizes = request.get("sizes", {})
        if not isinstance(sizes, dict) or not all(type(sizes.get(one)) is int for one in missing):
            raise RequestError("the sizes of the files are missing", _VERSIONS)
        # once as they come, once in their slot
        self._uploads.check_space(2 * sum(min(max(sizes[one], 0), _MAX_BYTES) for one in missing))
        self._offered = content, signature, verified
        return {"digest": verified.digest, "missing": missing, "here": sorted(here)}

    def _have(self, request: Request) -> dict[str, Any]:
        have = self._uploads.have(_field(request, "sha256", r"[0-9a-f]{64}"))
        return {"whole": have is None, "bytes": have or 0}

    def _put(self, request: Request) -> dict[str, Any]:
        self._leases.check(self._desk.owner)
        offset, data = request.get("offset"), request.get("data")
        if type(offset) is not int or not isinstance(data, str):
            raise RequestError("a part of a file needs its offset and data", "send it again")
        digest = _field(request, "sha256", r"[0-9a-f]{64}")
        return {"bytes": self._uploads.put(digest, offset, data, last=request.get("last") is True)}

    def _get(self, request: Request) -> dict[str, Any]:
        offset = request.get("offset")
        if type(offset) is not int or offset < 0:
            raise RequestError("the offset must be a whole number", "correct the request")
        data, size = read_chunk(self.records, offset)
        return {"data": data, "size": size}


def _field(request: Request, name: str, pattern: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise RequestError(f"the field {name!r} is missing or not of its form", _VERSIONS)
    return value


def _public(request: Request) -> bytes:
    return bytes.fromhex(_field(request, "public", r"[0-9a-f]{64}"))


def _bytes(request: Request, name: str) -> bytes:
    try:
        return base64.b64decode(str(request.get(name, "")).encode("ascii"), validate=True)
    except ValueError as error:
        raise RequestError(f"the field {name!r} is not base64", "send it again") from error


def _write(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise BoardError(f"cannot write {path}: {error.strerror}", "free some space on the board") from error
