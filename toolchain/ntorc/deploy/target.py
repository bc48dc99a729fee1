"""What a target is to the rest of the program: a place where a bundle is deployed and measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from ntorc.deploy.deployment import Deployment
from ntorc.progress import Progress
from ntorc.records import write_atomically

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MeasureRequest:
    """What to measure on a target.

    Attributes:
        samples: file of raw counts, see `write_samples`; used in a circle.
        records: file that receives the harness's records.
        estimates: how many estimates.
        hop: samples between estimates, or None for the design's own.
        period_ns: time between samples, or 0 to run as fast as the logic answers.
        timeout_us: the longest wait for one estimate, or None for the harness's default.
        cpu: processor to run the loop on, ``"last"`` for the board's last one, or None for any.
        fifo: SCHED_FIFO priority 1..99, or None for the harness's default.
        deadline_ns: of an estimate, from its last sample's release, or None to count no misses.
        deadline_cycles: the logic's share of it, for its probe, or None.
        hist_lower, hist_shift: edge and width of the probe's bins, or None for the harness's own.
        load: interference, such as ``cpu,net``, or None.
        account: True to measure the harness's own time beside that of its register accesses.
    """

    samples: Path
    records: Path
    estimates: int
    hop: int | None = None
    period_ns: int = 0
    timeout_us: int | None = None
    cpu: int | str | None = None
    fifo: int | None = None
    deadline_ns: int | None = None
    deadline_cycles: int | None = None
    hist_lower: int | None = None
    hist_shift: int | None = None
    load: str | None = None
    account: bool | None = None

    def options(self) -> dict[str, int | str | bool]:
        """What was asked for beyond what every request has, by the agent's names."""
        found = {name: getattr(self, name) for name in _OPTIONS}
        return {name: value for name, value in found.items() if value is not None}


_OPTIONS = (
    "hop", "timeout_us", "cpu", "fifo", "deadline_ns", "deadline_cycles", "hist_lower", "hist_shift", "load", "account",
)  # fmt: skip


@dataclass(frozen=True)
class MeasureFiles:
    """What a measurement left behind.

    Attributes:
        records: the harness's records, on this computer.
        harness: the harness's own JSON object (estimates, torn, timeouts, scheduler, ...).
        design_id: of the design that was measured.
        clock_hz: FCLK0 in Hz as it reads back.
        is_cancelled: whether it was stopped before its end; the records are what there is.
    """

    records: Path
    harness: dict[str, Any]
    design_id: str
    clock_hz: float
    is_cancelled: bool


NO_PYNQ = (
    "on the board, not here: use a PYNQ image, whose own Python has pynq, or name a Python that has it by a file or"
    " link `python` in the agent's folder on the board"
)
"""What to do where a board's Python has no pynq."""


@dataclass(frozen=True)
class TargetInfo:
    """Who answers on a target: the agent's and its tools' versions, and the machine.

    ``is_simulated``: no real logic is there, also where it is reached over the network.
    """

    agent_version: str
    protocol: int
    board: str
    part: str
    pynq_version: str
    numpy_version: str
    python_version: str
    machine: str
    kernel: str
    is_simulated: bool = False

    @property
    def has_pynq(self) -> bool:
        """Whether the agent's Python has pynq, without which it can program nothing."""
        return self.pynq_version[:1].isdigit()


@dataclass(frozen=True)
class Confirmation:
    """A design was confirmed on a target: for whom, and when by the target's clock (seconds since 1970)."""

    design_id: str
    sequence: int
    owner: str
    time_s: int


@dataclass(frozen=True)
class TargetStatus:
    """The state of a target.

    Attributes:
        confirmed: design id of the confirmed bundle, or None.
        slot: its slot, or None.
        previous: design id of what a rollback goes back to, or None.
        is_intact: whether the confirmed bundle is still as it was signed.
        programmed: design id of what is in the logic now, or None where that is not known.
        lease_owner: who has leased the target, or None.
        lease_left_s: for how many seconds more.
        history: what was confirmed, the newest last.
    """

    confirmed: str | None
    slot: str | None
    previous: str | None
    is_intact: bool
    programmed: str | None
    lease_owner: str | None = None
    lease_left_s: int = 0
    history: tuple[Confirmation, ...] = ()


VIRTUAL_MARK = " (virtual board)"
"""At the end of the name of a board behind SSH that has no real logic, wherever that name is shown or kept."""


def is_virtual_name(name: str) -> bool:
    """Whether a target of this name has no real logic."""
    return name.split(":")[0] == "virtual" or name.endswith(VIRTUAL_MARK)


def plain_name(name: str) -> str:
    """A target's name as it is given to ``--target``."""
    return name.removesuffix(VIRTUAL_MARK)


class Target(Protocol):
    """A board that can be deployed to and measured; started and stopped as a context manager.

    Every implementation passes ``tests/deploy/target_contract.py``.  Errors: `BundleError` when the board
    refuses a bundle, `DeploymentError` when it cannot be programmed or reached,
    `MeasurementError` when the harness fails.
    """

    @property
    def name(self) -> str:
        """``virtual``, or the board's address."""

    @property
    def is_virtual(self) -> bool:
        """Whether no board is involved; the driver's and loop's times are then this computer's."""

    def __enter__(self) -> Target:
        """Start or connect; nothing is programmed by it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop or disconnect; what was started is ended."""

    def hello(self) -> TargetInfo:
        """Who answers."""

    def status(self) -> TargetStatus:
        """What is confirmed and what is programmed."""

    def install(self, bundle: Path, progress: Progress | None = None) -> Deployment:
        """Verify, store, program, self-test and confirm a bundle; the old design stays if anything fails."""

    def restore(self, progress: Progress | None = None) -> Deployment:
        """Program and test the confirmed design, as after power-up."""

    def rollback(self, progress: Progress | None = None) -> Deployment:
        """Go back to the design that was confirmed before this one."""

    def measure(self, request: MeasureRequest, progress: Progress | None = None) -> MeasureFiles:
        """Run the harness; Ctrl-C stops it and leaves the records that there are."""


def write_samples(path: Path, counts: NDArray[np.integer[Any]]) -> Path:
    """Write raw counts as the harness wants them: int32, little endian.

    Args:
        path: the file.
        counts: [n] whole numbers.
    """
    return write_atomically(path, counts.astype("<i4").tobytes())
