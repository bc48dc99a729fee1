"""A board behind SSH as a target: the agent is brought there, files by their content, lines over one connection."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ntorc.boards import Board
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.agent_archive import AgentArchive, agent_archive, install_script, start_script
from ntorc.deploy.agent_target import AgentTarget
from ntorc.deploy.client import AgentClient, AgentMissingError, BoardBusyError, log_end
from ntorc.deploy.deployment import Deployment
from ntorc.deploy.firmware import recipe
from ntorc.deploy.ssh import SshClient, why_not
from ntorc.deploy.target import VIRTUAL_MARK, MeasureFiles, MeasureRequest
from ntorc.errors import BundleError, DeploymentError, UsageError
from ntorc.progress import Progress, Silent
from ntorc.records import digest_of_file, storage_errors
from ntorc_board.errors import BoardError
from ntorc_board.manifest import BITSTREAM, MANIFEST, SIGNATURE, VIRTUAL, check_kind, check_name
from ntorc_board.settings import REAL, SIMULATED, Settings
from ntorc_board.uploads import CHUNK_BYTES

if TYPE_CHECKING:
    from ntorc.deploy.target import Target

BUSY_LIMIT_S = 30.0
"""How long to wait for a board that another agent has: one that lost its connection ends in 20 s."""
_COMPILE_LIMIT_S = 900.0
_BUSY_PAUSE_S = 1.0


@dataclass(frozen=True)
class SshOptions:
    """How a board is used.

    Attributes:
        owner: for whom; a lease is to this name.
        key: the signing key, which a new board will trust; None: a new board is an error.
        is_simulated: a new board is set up with a simulated logic.
        busy_limit_s: how long to wait while somebody else uses the board.
    """

    owner: str
    key: SigningKey | None = None
    is_simulated: bool = False
    busy_limit_s: float = BUSY_LIMIT_S


class SshTarget(AgentTarget):
    """A board that is reached by the user's OpenSSH client."""

    def __init__(
        self, client: SshClient, board: Board, work: Path, options: SshOptions, progress: Progress | None = None
    ) -> None:
        """Describe a board; `__enter__` connects to it.

        Args:
            client: how to reach it.
            board: the kind of board that must be there.
            work: folder for the connection's log.
            options: for whom, and what a new board becomes.
            progress: told what the set-up does.
        """
        super().__init__(str(client.address), board)
        self._ssh, self._work, self._options = client, work, options
        self._said = progress or Silent()
        self._simulated = options.is_simulated

    @property
    def is_virtual(self) -> bool:
        """Whether the board behind the connection has a simulated logic; known once connected."""
        return self._simulated

    def __enter__(self) -> SshTarget:
        """Connect; bring the agent, the board's settings and programs where they are missing.

        Raises:
            DeploymentError: it cannot be reached, is in use, or is another kind of board.
        """
        try:
            with storage_errors(self._work):
                self._work.mkdir(parents=True, exist_ok=True)
            self._client = self._start(agent_archive())
            self._set_up()
            self.connect(self._client)
            self._bring_programs()
            self.recover(self._said)
        except BaseException:
            self.disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the agent and the connection."""
        self.disconnect()

    def install(self, bundle: Path, progress: Progress | None = None) -> Deployment:
        """Send what the board does not have of a bundle, and have it verified, programmed, tested and confirmed.

        Raises:
            BundleError: the board refuses it; nothing was changed there.
            DeploymentError: it does not work there; the message says what is confirmed now.
        """
        try:
            content, signature = (bundle / MANIFEST).read_bytes(), (bundle / SIGNATURE).read_bytes()
            plain = json.loads(content)
            files = plain["files"]
            for name in files:
                check_name(name)
            kind = str(plain["kind"])
            sizes = {digest: (bundle / name).stat().st_size for name, digest in files.items()}
        except (BoardError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BundleError(f"{bundle} is not a whole bundle: {error}", "build it again: ntorc build") from error
        try:
            check_kind(kind, VIRTUAL if self._simulated else BITSTREAM)
        except BoardError as error:
            raise BundleError(f"{bundle}: {error.message}", error.hint) from error
        offer = {"manifest": _text(content), "signature": _text(signature), "sizes": sizes}
        answer = self._ask("offer", offer, progress)
        by_digest = {digest: name for name, digest in files.items()}
        for number, digest in enumerate(answer["missing"], start=1):
            name = by_digest[digest]
            if digest_of_file(bundle / name) != digest:
                raise BundleError(f"the bundle's {name} was altered", "build it again; never copy files into a bundle")
            self._send_file(bundle / name, digest, f"upload {number} of {len(answer['missing'])} kB", progress)
        _check_rest(bundle, {by_digest[digest]: digest for digest in answer["here"] if digest in by_digest})
        return self._deployment(self._ask("install", {"digest": answer["digest"]}, progress))

    def measure(self, request: MeasureRequest, progress: Progress | None = None) -> MeasureFiles:
        """Send the samples, run the harness on the board, and bring the records here."""
        if not request.samples.is_file() or not request.samples.stat().st_size or request.samples.stat().st_size % 4:
            raise UsageError(f"{request.samples} is no file of int32 samples", "write the samples first")
        if not request.records.parent.is_dir():
            raise UsageError(f"the folder of {request.records} does not exist", "make it first")
        digest = digest_of_file(request.samples)
        self._send_file(request.samples, digest, "samples kB", progress)
        fields = self._measure_fields(request)
        fields["samples_sha256"] = digest
        answer = self._ask("measure", fields, progress)
        self._fetch_records(request.records, progress)
        return self._measured(answer, request.records)

    def raw_status(self) -> dict[str, Any]:
        """The agent's whole answer to ``status``, with what `TargetStatus` leaves out."""
        return self._ask("status")

    # ---- keys and lease ---------------------------------------------------------------------------

    def keys(self) -> dict[str, Any]:
        """The keys that the board trusts (hex by id), and the ids of those that were revoked."""
        return self._ask("keys")

    def trust(self, public: bytes, *, again: bool = False) -> str:
        """Have the board trust a public key; its id.

        Raises:
            BundleError: it was revoked there, and ``again`` does not say to trust it again.
        """
        return str(self._ask("trust", {"public": public.hex(), "again": again})["key_id"])

    def revoke(self, key_id: str) -> None:
        """Have the board trust a key no longer, nor anew by mistake."""
        self._ask("revoke", {"key_id": key_id})

    def lease(self, seconds: int, *, force: bool = False) -> None:
        """Lease the board.

        Raises:
            BoardBusyError: it is somebody else's.
        """
        self._ask("lease", {"seconds": seconds, "force": force})

    def release(self, *, force: bool = False) -> None:
        """Give the board back."""
        self._ask("release", {"force": force})

    # ---- steps ------------------------------------------------------------------------------------

    def _start(self, archive: AgentArchive) -> AgentClient:
        """The agent of this version on the board; it is brought there first where it is missing."""
        until_s: float | None = None  # from the first time that it is in use, however long connecting takes
        brought = False
        while True:
            try:
                return self._open(archive)
            except AgentMissingError:
                if brought:
                    raise DeploymentError(
                        f"the agent was brought to {self.name} and is not there", "see the board's disk"
                    ) from None
                self._said.message(f"  bringing the agent to {self.name} ({len(archive.content) // 1000} kB)")
                self._ssh.run(install_script(self._ssh.address.root, archive.digest), archive.content)
                brought = True
            except BoardBusyError as busy:
                if until_s is None:
                    until_s = time.monotonic() + self._options.busy_limit_s
                    self._said.message(f"  waiting: {busy.message}")
                elif time.monotonic() > until_s:
                    raise
                time.sleep(_BUSY_PAUSE_S)

    def _open(self, archive: AgentArchive) -> AgentClient:
        log = self._work / "agent.log"
        script = start_script(self._ssh.address.root, archive.digest, self._options.owner)
        try:
            return AgentClient(self._ssh.words(script), log)
        except (AgentMissingError, BoardBusyError):
            raise
        except DeploymentError as error:
            raise why_not(self._ssh.address, log_end(log, 60)) or error from error

    def _set_up(self) -> None:
        """Set a new board up: what it is, and our key as its first; an old one keeps what it is."""
        hello = self._ask("hello")
        if hello["board"] is None:
            key = self._options.key
            if key is None:
                raise DeploymentError(
                    f"{self.name} was not set up yet", "add it with `ntorc board add`, or deploy to it"
                )
            self._said.message(f"  setting {self.name} up as a {self.board.name} that trusts the key {key.key_id}")
            overhead = self.board.io_overhead.register_access_s * self.board.default_clock_hz
            settings = Settings(
                self.board.name, self.board.part, SIMULATED if self._options.is_simulated else REAL,
                max(round(overhead), 1), round(self.board.default_clock_hz),
            )  # fmt: skip
            self._ask("enrol", {"settings": asdict(settings), "public": key.public.hex()})
            hello = self._ask("hello")
        self._simulated = bool(hello["simulated"])
        self._name = f"{self._ssh.address}{VIRTUAL_MARK if self._simulated else ''}"

    def _bring_programs(self) -> None:
        made = recipe(with_virtual=self._simulated)
        if not self._ask("firmware", {"digest": made.digest})["ready"]:
            self._said.message("  the board compiles the harness, once for this version")
            fields = {"digest": made.digest, "recipe": asdict(made)}
            self._ask("firmware", fields, self._said, silence_limit_s=_COMPILE_LIMIT_S)

    def _send_file(self, path: Path, digest: str, what: str, progress: Progress | None) -> None:
        """Send a file from where an earlier attempt ended."""
        state = self._ask("have", {"sha256": digest})
        if state["whole"]:
            return
        total, offset = path.stat().st_size, int(state["bytes"])
        with path.open("rb") as stream:
            while True:
                stream.seek(offset)
                block = stream.read(CHUNK_BYTES)
                last = offset + len(block) >= total
                fields = {"sha256": digest, "offset": offset, "data": _text(block), "last": last}
                offset = int(self._ask("put", fields)["bytes"])
                if progress is not None:
                    progress.step(what, offset // 1000, total // 1000)
                if last:
                    return

    def _fetch_records(self, path: Path, progress: Progress | None) -> None:
        with storage_errors(path), path.open("wb") as stream:
            while True:
                answer = self._ask("get", {"offset": stream.tell()})
                stream.write(base64.b64decode(answer["data"]))
                if progress is not None:
                    progress.step("records kB", stream.tell() // 1000, answer["size"] // 1000)
                if stream.tell() >= answer["size"] or not answer["data"]:
                    return

    def _ask(
        self, op: str, fields: Mapping[str, Any] | None = None, progress: Progress | None = None, **limits: float
    ) -> dict[str, Any]:
        try:
            return super()._ask(op, fields, progress, **limits)
        except DeploymentError as error:
            if type(error) is DeploymentError and error.message == "the agent has ended":
                raise DeploymentError(
                    f"the connection to {self.name} was lost",
                    f"do the same again: the board has the old or the new design, never half of one\n{error.hint}",
                ) from error
            raise


if TYPE_CHECKING:
    _IS_A_TARGET: type[Target] = SshTarget


def _check_rest(bundle: Path, here: Mapping[str, str]) -> None:
    """Files that need not be sent must be right here too: a bundle that is not whole is not deployed."""
    for name, digest in here.items():
        if digest_of_file(bundle / name) != digest:
            raise BundleError(f"the bundle's {name} was altered", "build it again; never copy files into a bundle")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
