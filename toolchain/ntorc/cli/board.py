"""``ntorc board``: the kinds of boards, and the boards that were added."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ntorc.cli import options

app = typer.Typer(
    help="Boards: kinds, and those that were added.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="A board that was added, ssh://user@host, or virtual.")]
Kind = Annotated[str | None, typer.Option("--board", help="The kind of board; for an address, or for virtual.")]
Force = Annotated[bool, typer.Option("--force", help="Also where the board is somebody else's.")]


@app.command("list")
def list_command(json: options.Json = False) -> None:
    """List the kinds of boards with their parts and capacities, and the boards that were added.

    \b
    ntorc board list
    """
    from dataclasses import asdict

    from ntorc.boards import list_boards, load_board
    from ntorc.pipeline.board.boards import known_boards

    boards, added = [load_board(name) for name in list_boards()], known_boards()
    lines = [
        f"{b.name:10} {b.part:20} {b.capacity['lut']} LUT, {b.capacity['ff']} FF, {b.capacity['dsp']} DSP,"
        f" {b.capacity['bram18']} BRAM18; {b.default_clock_hz / 1e6:g} MHz; {b.description}"
        for b in boards
    ]
    lines += [f"{one['name']:10} {one['address']} ({one['board']}{_simulated(one['is_simulated'])})" for one in added]
    result = {"boards": [asdict(b) for b in boards], "added": added}
    options.show(result, as_json=json, text="\n".join(lines))


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    address: Annotated[str, typer.Argument(help="ssh://[user@]host[:port][/folder on the board].")],
    board: options.Board = "pynq-z2",
    simulated: Annotated[bool, typer.Option("--simulated", help="A virtual board is to run there.")] = False,
    ssh_config: Annotated[Path | None, typer.Option("--ssh-config", help="Instead of your ~/.ssh/config.")] = None,
    json: options.Json = False,
) -> None:
    """Reach a board over SSH, bring the agent, have it trust your signing key, and keep it by a name.

    Your own OpenSSH client connects: your configuration, your keys, your known hosts.  A host key is never
    accepted for you: log in once by hand and compare the fingerprint.

    \b
    ntorc board add rack1 ssh://xilinx@pynq
    ntorc board add rack2 ssh://root@192.168.2.99:2222/var/lib/ntorc --board pynq-z2
    """
    from ntorc.pipeline.board.boards import NewBoard, add_board
    from ntorc.pipeline.flow import open_flow

    new = NewBoard(name, address, board, simulated, ssh_config)
    result = add_board(open_flow(options.progress()), new)
    info = result["info"]
    text = (
        f"{name}: {info['board']} ({info['part']}){_simulated(info['is_simulated'])}, Python {info['python_version']},"
        f" pynq {info['pynq_version']}, {info['machine']}; trusts {', '.join(result['trusted'])}"
    )
    options.show(result, as_json=json, text=text)


@app.command("remove")
def remove_command(name: Annotated[str, typer.Argument(help="The board.")], json: options.Json = False) -> None:
    """Forget a board; nothing is changed on it.

    \b
    ntorc board remove rack1
    """
    from ntorc.pipeline.board.boards import remove_board

    options.show(remove_board(name), as_json=json, text=f"{name} is forgotten; its design stays as it is")


@app.command("status")
def status_command(name: Name = "virtual", board: Kind = None, json: options.Json = False) -> None:
    """Show what is confirmed on a board, what is in its logic, and whose it is.

    \b
    ntorc board status rack1
    ntorc board status virtual --json
    """
    from ntorc.pipeline.board.boards import board_status
    from ntorc.pipeline.flow import open_flow

    result = board_status(open_flow(options.progress()), name, board)
    options.show(result, as_json=json, text=_status_text(result))


@app.command("rollback")
def rollback_command(name: Name = "virtual", board: Kind = None, json: options.Json = False) -> None:
    """Go back to the design that was confirmed before; the only way to an older bundle.

    \b
    ntorc board rollback rack1
    """
    from ntorc.pipeline.board.boards import board_rollback
    from ntorc.pipeline.flow import open_flow

    result = board_rollback(open_flow(options.progress()), name, board)
    options.show(result, as_json=json, text=_deployed(result))


@app.command("restore")
def restore_command(name: Name = "virtual", board: Kind = None, json: options.Json = False) -> None:
    """Program and test the confirmed design, as after a power-up.

    \b
    ntorc board restore rack1
    """
    from ntorc.pipeline.board.boards import board_restore
    from ntorc.pipeline.flow import open_flow

    result = board_restore(open_flow(options.progress()), name, board)
    options.show(result, as_json=json, text=_deployed(result))


@app.command("install")
def install_command(
    name: Name,
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder, as `ntorc build` names it.")],
    board: Kind = None,
    json: options.Json = False,
) -> None:
    """Deploy a bundle that is there already: verified, programmed, self-tested and confirmed, or rolled back.

    \b
    ntorc board install rack1 path/to/bundle
    """
    from ntorc.pipeline.board.boards import board_install
    from ntorc.pipeline.flow import open_flow

    result = board_install(open_flow(options.progress()), name, bundle, board)
    options.show(result, as_json=json, text=_deployed(result))


@app.command("lease")
def lease_command(
    name: Annotated[str, typer.Argument(help="A board that was added, or ssh://user@host.")],
    duration: Annotated[str, typer.Option("--for", help="With its unit: 90s, 30min, 4h.")] = "1h",
    release: Annotated[bool, typer.Option("--release", help="Give it back.")] = False,
    force: Force = False,
    json: options.Json = False,
) -> None:
    """Keep a board for yourself for a while: until then the board itself refuses everybody else.

    \b
    ntorc board lease rack1 --for 2h
    ntorc board lease rack1 --release
    """
    from ntorc.pipeline.board.boards import board_lease
    from ntorc.pipeline.flow import open_flow
    from ntorc.units import parse_span_s

    seconds = None if release else parse_span_s(duration)
    result = board_lease(open_flow(options.progress()), name, seconds, force=force)
    owner = result["lease_owner"]
    text = f"{name} is free" if owner is None else f"{name} is leased to {owner} for {result['lease_left_s']} s"
    options.show(result, as_json=json, text=text)


@app.callback()
def boards() -> None:
    """Boards: their kinds, and those that were added."""


def _simulated(is_simulated: bool) -> str:
    return ", virtual board: no real logic is there" if is_simulated else ""


def _deployed(result: dict[str, Any]) -> str:
    test = result["self_test"]
    return (
        f"{result['design_id']} is confirmed on {result['target']} (slot {result['slot']}), FCLK0"
        f" {result['clock_read_back_hz'] / 1e6:g} MHz, self-test {test['vectors'] - test['mismatches']} of"
        f" {test['vectors']} right; replaced {result['replaced'] or 'nothing'}"
    )


def _status_text(result: dict[str, Any]) -> str:
    info, status = result["info"], result["status"]
    lease = "free" if status["lease_owner"] is None else f"{status['lease_owner']}, {status['lease_left_s']} s more"
    whole = "" if status["confirmed"] is None else ", whole" if status["is_intact"] else ", NOT whole: deploy again"
    lines = [
        f"{result['target']}: {info['board']} ({info['part']}){_simulated(info['is_simulated'])}",
        f"  confirmed   {status['confirmed'] or 'nothing'}{whole}",
        f"  in logic    {status['programmed'] or 'not known; `ntorc board restore` programs what is confirmed'}",
        f"  before      {status['previous'] or 'nothing to go back to'}",
        f"  lease       {lease}",
        f"  software    agent {info['agent_version']}, Python {info['python_version']}, pynq {info['pynq_version']},"
        f" {info['machine']}, Linux {info['kernel']}",
    ]
    events = status["history"][-5:]
    lines += [f"  was confirmed {one['design_id']} for {one['owner']} (number {one['sequence']})" for one in events]
    return "\n".join(lines)
