"""``python -m ntorc_board``: the agent on stdin and stdout (see `agent` for what it understands)."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ntorc_board.agent import Agent
from ntorc_board.channel import Channel
from ntorc_board.desk import Desk
from ntorc_board.errors import BoardError
from ntorc_board.settings import REAL, Settings, read_settings

# with these set, pynq would look for other devices than the one that the agent was given
_PYNQ_REMOTE = "PYNQ_REMOTE_DEVICES"
_XRT = "XILINX_XRT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; 0 after ``quit`` or the end of the input, 1 when it cannot start."""
    given = _parse(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to handle
    channel = Channel.take_over()
    try:
        desk = _desk(given)
        agent = Agent(desk, channel)
        if given.restore:
            agent.restore()
            return 0
    except BoardError as error:
        channel.fail(None, error.message, error.hint, type(error).__name__)
        return 1
    agent.run()
    return 0


def _desk(given: argparse.Namespace) -> Desk:
    settings = read_settings(given.root)
    if given.board is not None and given.part is not None:
        settings = Settings(given.board, given.part, given.virtual or REAL)
    os.environ.pop(_PYNQ_REMOTE, None)
    if settings is not None and settings.is_simulated:
        os.environ.pop(_XRT, None)
        # off a board, pynq warns on import that it has no device and that its CPU is unknown
        warnings.filterwarnings("ignore", category=UserWarning, module=r"pynq.*")
    desk = Desk(given.root, given.trusted or given.root / "trusted", settings, given.owner, given.harness)
    if given.programs is not None:
        desk.use(given.programs)
    return desk


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ntorc_board", description="The ntorc agent of one board.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the agent's own files")
    parser.add_argument("--owner", default="this computer", help="for whom it works, as alice@laptop")
    parser.add_argument("--board", help="the board's name, as pynq-z2 (default: as it was set up)")
    parser.add_argument("--part", help="the board's part, as xc7z020clg400-1 (default: as it was set up)")
    parser.add_argument("--trusted", type=Path, help="folder of trusted public keys (default: ROOT/trusted)")
    parser.add_argument("--harness", type=Path, help="the program ntorc-harness")
    parser.add_argument("--programs", type=Path, help="folder of the compiled firmware")
    parser.add_argument("--virtual", metavar="MEMORY,CONTROL,REGSLIB", help="use the virtual board that is there")
    parser.add_argument("--restore", action="store_true", help="program the confirmed design and end: for a start-up")
    given = parser.parse_args(arguments)
    if (given.board is None) != (given.part is None):
        parser.error("--board and --part go together")
    return given


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
