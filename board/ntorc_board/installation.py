"""From a bundle to a confirmed design: store, program, test, confirm; or go back and say why."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from ntorc_board import __version__
from ntorc_board.desk import Desk, Say
from ntorc_board.errors import DEFECTS, BoardError, ProgrammingError
from ntorc_board.files import replace_file
from ntorc_board.manifest import DEVICE_TREE, canonical_json
from ntorc_board.pointer import Confirmed, Entry
from ntorc_board.programming import Programmed, SelfTest, program, self_test
from ntorc_board.slots import Fill, Slots

_RUNNING = "running.json"
_SPARE_BYTES = 2 << 20

Count = Callable[[str, int, int], None]


class Installation:
    """The designs of one board: what is confirmed, and what is in the logic."""

    def __init__(self, desk: Desk, slots: Slots, step: Say, progress: Count) -> None:
        self._desk, self._slots = desk, slots
        self._step, self._progress = step, progress
        self.programmed: tuple[Entry, Programmed] | None = None

    def status(self) -> dict[str, Any]:
        """What is confirmed and what is in the logic."""
        confirmed = self._slots.confirmed()
        intact = False
        if confirmed is not None:
            try:
                self._slots.bundle(confirmed.current)
                intact = True
            except BoardError as error:
                self._step(f"the confirmed design cannot be used: {error.message}")
        programmed = self._noted() if self.programmed is None else self.programmed[0].design_id
        return {
            "confirmed": None if confirmed is None else asdict(confirmed.current),
            "previous": None if confirmed is None or confirmed.previous is None else asdict(confirmed.previous),
            "newest": {} if confirmed is None else {key: asdict(one) for key, one in confirmed.newest.items()},
            "history": [] if confirmed is None else [asdict(event) for event in confirmed.history],
            "intact": intact,
            "previous_intact": confirmed is not None and self._holds(confirmed.previous),
            "programmed": programmed,
        }

    def _holds(self, entry: Entry | None) -> bool:
        if entry is None:
            return False
        try:
            self._slots.bundle(entry)
        except BoardError:
            return False
        return True

    def install(self, source: Path | Fill, digest: str = "") -> dict[str, Any]:
        """Take a bundle's folder, or what brings its files, with its digest; says what is confirmed then.

        Raises:
            RefusedError: the bundle is not to be used; nothing was changed.
            ProgrammingError: it does not work here; what came of going back is in the message.
        """
        before = self._slots.confirmed()
        self._step("verifying and storing the bundle")
        _, entry = self._slots.place(source, digest)
        return self._try_out(entry, before)

    def restore(self) -> dict[str, Any]:
        """Program and test the confirmed design."""
        confirmed = self._slots.confirmed()
        if confirmed is None:
            raise ProgrammingError("no design was ever confirmed on this board", "deploy one with `ntorc deploy`")
        with contextlib.suppress(BoardError):  # a full disk is no reason not to program what is confirmed
            self._slots.begin_trial(confirmed.current)
        tested = self._program(confirmed.current)
        self._slots.end_trial()
        return self._report(confirmed.current, tested, None)

    def rollback(self) -> dict[str, Any]:
        """Go back to the design that was confirmed before this one."""
        confirmed = self._slots.confirmed()
        if confirmed is None or confirmed.previous is None:
            raise ProgrammingError("there is no earlier design to go back to", "deploy the one that you want")
        self._slots.bundle(confirmed.previous)
        return self._try_out(confirmed.previous, confirmed)

    def recover(self) -> dict[str, Any]:
        """After an agent that ended in a trial: program what is confirmed, so that nothing else runs."""
        if not self._slots.is_unsure():
            return {"recovered": False, "problem": ""}
        self._step("an earlier deployment was cut off; going back to what is confirmed")
        try:
            confirmed = self._slots.confirmed()
        except BoardError as error:
            return {"recovered": False, "problem": error.message}
        outcome, _ = self._go_back(confirmed)
        is_back = not self._slots.is_unsure()
        return {"recovered": is_back, "problem": "" if is_back else outcome}

    # ---- steps ------------------------------------------------------------------------------------

    def _try_out(self, entry: Entry, before: Confirmed | None) -> dict[str, Any]:
        """Program and test an entry and confirm it; on any failure go back to what was confirmed."""
        try:
            self._check_space(entry)
            self._slots.begin_trial(entry)
            tested = self._program(entry)
            self._step("confirming")
            self._slots.confirm(entry, self._desk.owner)
        except (BoardError, *DEFECTS) as error:
            message = error.message if isinstance(error, BoardError) else f"{type(error).__name__}: {error}"
            outcome, design_id = self._go_back(before)
            details: dict[str, object] = {"rolled_back_to": design_id}
            raise ProgrammingError(f"{message}; {outcome}", getattr(error, "hint", ""), details) from error
        self._slots.end_trial()
        return self._report(entry, tested, before)

    def _check_space(self, entry: Entry) -> None:
        """Before the logic is touched: pynq on a board keeps a copy of the bitstream and writes its own record."""
        logic = self._slots.largest_file(entry)
        free_bytes = shutil.disk_usage(self._desk.root).free
        if free_bytes < logic + _SPARE_BYTES:
            raise ProgrammingError(
                f"the board's disk has {free_bytes} bytes free, too few to program", "free some space on the board"
            )

    def _program(self, entry: Entry) -> SelfTest:
        """Program an entry and test it.

        Raises:
            ProgrammingError: it is not what it should be; nothing counts as programmed then.
        """
        self.programmed = None
        (self._desk.root / _RUNNING).unlink(missing_ok=True)
        folder, verified = self._slots.bundle(entry)
        for tree in self._slots.holding(DEVICE_TREE):
            self._desk.board.forget_device_tree(tree)
        with_tree = ", with its device-tree overlay" if DEVICE_TREE in verified.manifest.files else ""
        self._step(f"programming{with_tree}")
        programmed = program(folder, verified.manifest, self._desk.board.device())
        self._step("testing")
        tested = self_test(programmed, folder, self._progress)
        if tested.mismatches:
            raise ProgrammingError(
                f"{tested.mismatches} of {tested.vectors} self-test results differ: {tested.first}",
                "do not use this design; build it again and report it",
            )
        self.programmed = entry, programmed
        self._note(entry)
        return tested

    def _go_back(self, before: Confirmed | None) -> tuple[str, str | None]:
        """Program what was confirmed before; says what came of it, and the design id that runs now."""
        self.programmed = None
        with contextlib.suppress(OSError, BoardError):  # the next agent does it otherwise
            self._slots.take_back()
        try:
            if before is None:
                self._desk.board.unprogram()
                self._slots.end_trial()
                return "no design was confirmed before, so that nothing is programmed", None
            self._program(before.current)
            self._slots.end_trial()
        except (BoardError, *DEFECTS) as error:
            self.programmed = None
            message = error.message if isinstance(error, BoardError) else f"{type(error).__name__}: {error}"
            if before is None:
                return f"the logic could not be cleared either: {message}", None
            return f"the confirmed design {before.current.design_id} failed too: {message}", None
        return f"rolled back to the confirmed design {before.current.design_id}", before.current.design_id

    def _report(self, entry: Entry, tested: SelfTest, before: Confirmed | None) -> dict[str, Any]:
        if self.programmed is None:
            raise ProgrammingError("nothing is programmed", "install the bundle again")
        programmed = self.programmed[1]
        return {
            "design_id": entry.design_id,
            "slot": entry.slot,
            "digest": entry.digest,
            "replaced": None if before is None else before.current.design_id,
            "self_test": {"vectors": tested.vectors, "mismatches": tested.mismatches},
            "clock_requested_hz": programmed.manifest.clock_hz,
            "clock_set_hz": programmed.clock_set_hz,
            "clock_read_back_hz": programmed.clock_read_back_hz,
            "agent_version": __version__,
            "pynq_version": version_of("pynq"),
        }

    def _note(self, entry: Entry) -> None:
        """Leave a note of what is in the logic for the agents after this one; it is only for people."""
        note = {"design_id": entry.design_id, "power_up": self._desk.board.power_up()}
        with contextlib.suppress(OSError):
            replace_file(self._desk.root / _RUNNING, canonical_json(note))

    def _noted(self) -> str | None:
        try:
            note = json.loads((self._desk.root / _RUNNING).read_bytes())
            same = note["power_up"] and note["power_up"] == self._desk.board.power_up()
            return str(note["design_id"]) if same else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BoardError):
            return None


def version_of(package: str) -> str:
    """An installed package's version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
