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

from ntorc_board.agent import Agent, Board, Options
from ntorc_board.boards import RealBoard, VirtualBoard
from ntorc_board.channel import Channel
from ntorc_board.errors import BoardError
from ntorc_board.virtual_pl import VirtualAddress

# with these set, pynq would look for other devices than the one that the agent was given
_PYNQ_REMOTE = "PYNQ_REMOTE_DEVICES"
_XRT = "XILINX_XRT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; 0 after ``quit`` or the end of the input, 1 when it cannot start."""
    options, virtual = _parse(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to handle
    channel = Channel.take_over()
    try:
        board = _board(options, virtual)
        agent = Agent(options, board, channel)
    except BoardError as error:
        channel.fail(None, error.message, error.hint, type(error).__name__)
        return 1
    agent.run()
    return 0


def _board(options: Options, virtual: str | None) -> Board:
    os.environ.pop(_PYNQ_REMOTE, None)
    if virtual is None:
        return RealBoard()
    os.environ.pop(_XRT, None)
    # off a board, pynq warns on import that it has no device and that its CPU is unknown
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pynq.*")
    return VirtualBoard(VirtualAddress.parse(virtual), options.board_name, options.root / "pynq")


def _parse(arguments: Sequence[str] | None) -> tuple[Options, str | None]:
    parser = argparse.ArgumentParser(prog="ntorc_board", description="The ntorc agent of one board.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the agent's own files")
    parser.add_argument("--board", required=True, help="the board's name, as pynq-z2")
    parser.add_argument("--part", required=True, help="the board's part, as xc7z020clg400-1")
    parser.add_argument("--trusted", type=Path, help="folder of trusted public keys (default: ROOT/trusted)")
    parser.add_argument("--harness", type=Path, required=True, help="the program ntorc-harness")
    parser.add_argument("--virtual", metavar="MEMORY,CONTROL,REGSLIB", help="use the virtual board that is there")
    given = parser.parse_args(arguments)
    trusted = given.trusted or given.root / "trusted"
    return Options(given.root, given.board, given.part, trusted, given.harness), given.virtual


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
