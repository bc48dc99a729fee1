"""Who may use the board for a while: a lease by name, with an expiry.

It is enforced here, under the slots' lock, so that two people do not program one board at once.
Many boards have no battery behind their clock, so a lease does not trust it: what is left is
counted in the time since power-up, and after a power-up the lease begins once more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ntorc_board.errors import BoardError, LeaseError, RequestError
from ntorc_board.files import replace_file
from ntorc_board.manifest import canonical_json

MAX_LEASE_S = 7 * 24 * 3600
_FILE = "lease.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Lease:
    """A lease: whose, how long in all, and when it ends by the time since power-up."""

    owner: str
    seconds: int
    boot: str
    until_s: float


def _uptime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Leases:
    """The board's one lease, in a file below its root."""

    def __init__(self, root: Path, now_s: Callable[[], float] = _uptime_s, boot: Callable[[], str] = _boot) -> None:
        self._path = root / _FILE
        self._now_s, self._boot = now_s, boot

    def current(self) -> tuple[str, float] | None:
        """Whose the board is and for how many seconds more, or None when it is free.

        Raises:
            BoardError: the record is damaged.
        """
        lease = self._read()
        if lease is None:
            return None
        if lease.boot != self._boot():  # powered up since: it cannot be known how long it was off
            lease = self._write(lease.owner, lease.seconds)
        left_s = lease.until_s - self._now_s()
        return (lease.owner, left_s) if left_s > 0 else None

    def check(self, owner: str) -> None:
        """Refuse to work for ``owner`` while the board is somebody else's.

        Raises:
            LeaseError: it is; says whose, and for how long.
        """
        held = self.current()
        if held is not None and held[0] != owner:
            raise LeaseError(
                f"the board is leased to {held[0]} for {_duration(held[1])} more",
                "wait, or ask them to give it back with `ntorc board lease NAME --release`",
                {"owner": held[0], "left_s": round(held[1])},
            )

    def take(self, owner: str, seconds: int, *, force: bool = False) -> None:
        """Lease the board, or lease it anew.

        Raises:
            RequestError: for no time, or too long.
            LeaseError: it is somebody else's; ``force`` takes it nevertheless.
        """
        if not 1 <= seconds <= MAX_LEASE_S:
            raise RequestError(f"a lease is from 1 to {MAX_LEASE_S} seconds", "ask for a shorter one")
        if not force:
            self.check(owner)
        self._write(owner, seconds)

    def release(self, owner: str, *, force: bool = False) -> None:
        """Give the board back.

        Raises:
            LeaseError: it is somebody else's; ``force`` frees it nevertheless.
        """
        if not force:
            self.check(owner)
        self._path.unlink(missing_ok=True)

    def _write(self, owner: str, seconds: int) -> Lease:
        lease = Lease(owner, seconds, self._boot(), self._now_s() + seconds)
        try:
            replace_file(self._path, canonical_json(asdict(lease)))
        except OSError as error:
            raise BoardError(f"cannot write {self._path}: {error.strerror}", "free some space on the board") from error
        return lease

    def _read(self) -> Lease | None:
        try:
            fields = json.loads(self._path.read_bytes())
            return Lease(
                str(fields["owner"]), int(fields["seconds"]), str(fields["boot"]), float(fields["until_s"])
            )  # fmt: skip
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BoardError(
                f"{self._path} is damaged", "free the board with `ntorc board lease NAME --release --force`"
            ) from error


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"
