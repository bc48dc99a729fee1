"""``ntorc keys``: who may sign what is deployed."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options

app = typer.Typer(
    help="Keys that sign bundles, and keys that are trusted.", no_args_is_help=True, rich_markup_mode=None
)

Target = Annotated[str | None, typer.Option("--target", help="On that board too: its name, or ssh://user@host.")]
KeyId = Annotated[str, typer.Argument(help="The key's id: 16 hex digits, as `ntorc keys list` shows them.")]


@app.command("list")
def list_command(target: Target = None, json: options.Json = False) -> None:
    """List the keys that this computer trusts, or those of a board.

    \b
    ntorc keys list
    ntorc keys list --target rack1
    """
    from ntorc.pipeline.board.keys import list_keys
    from ntorc.pipeline.flow import open_flow

    result = list_keys(open_flow(options.progress()), target)
    own = result["signing"]
    yours = {own: ", yours"}
    lines = [f"{one['id']}  trusted{yours.get(one['id'], '')}  {one['public']}" for one in result["trusted"]]
    lines += [f"{one}  revoked" for one in result["revoked"]]
    options.show(result, as_json=json, text="\n".join(lines) or "no key is trusted yet; the first build makes one")


@app.command("show")
def show_command(json: options.Json = False) -> None:
    """Show your signing key's id and its public half, which others trust; makes the key when there is none.

    \b
    ntorc keys show
    """
    from ntorc.pipeline.board.keys import own_key

    result = own_key()
    options.show(result, as_json=json, text=f"{result['id']}  {result['public']}\nprivate half: {result['file']}")


@app.command("create")
def create_command(
    replace: Annotated[bool, typer.Option("--replace", help="Also where there is one.")] = False,
    json: options.Json = False,
) -> None:
    """Make a signing key.  One that is replaced stays trusted until it is revoked.

    \b
    ntorc keys create
    ntorc keys create --replace
    """
    from ntorc.pipeline.board.keys import make_key

    result = make_key(replace=replace)
    options.show(result, as_json=json, text=f"{result['id']}  {result['public']}")


@app.command("trust")
def trust_command(
    public: Annotated[str, typer.Argument(help="The public key in 64 hex digits, as `ntorc keys show` prints it.")],
    target: Target = None,
    again: Annotated[bool, typer.Option("--again", help="Also where it was revoked.")] = False,
    json: options.Json = False,
) -> None:
    """Trust a public key on this computer, and with --target on a board.

    \b
    ntorc keys trust 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29
    ntorc keys trust 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 --target rack1
    """
    from ntorc.pipeline.board.keys import trust_key
    from ntorc.pipeline.flow import open_flow

    result = trust_key(open_flow(options.progress()), public, target, again=again)
    options.show(result, as_json=json, text=f"{result['id']} is trusted{_where(target)}")


@app.command("revoke")
def revoke_command(key: KeyId, target: Target = None, json: options.Json = False) -> None:
    """Trust a key no longer on this computer, or with --target on a board: what it signed is not programmed any more.

    \b
    ntorc keys revoke 0123456789abcdef
    ntorc keys revoke 0123456789abcdef --target rack1
    """
    from ntorc.pipeline.board.keys import revoke_key
    from ntorc.pipeline.flow import open_flow

    result = revoke_key(open_flow(options.progress()), key, target)
    options.show(result, as_json=json, text=f"{key} is revoked{_where(target)}")


@app.callback()
def keys() -> None:
    """Keys that sign bundles, and keys that are trusted."""


def _where(target: str | None) -> str:
    return "" if target is None else f" on {target}"
