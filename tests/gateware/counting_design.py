"""The shell around ``counting_network.sv``: designs whose timing and results are plain to see."""

from __future__ import annotations

from pathlib import Path

from ntorc.backends.native import shell
from ntorc.backends.native.sources import library_sources
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import Network, random_network

BITS = 24
CLOCK_HZ = 100e6


def counting_files(
    length: int,
    hop: int,
    *,
    streaming: bool = False,
    warm_up: int = 0,
    outputs: int = 1,
    cost: int = 1,
    delay: int = 1,
    drain: int = 0,
) -> dict[str, str]:
    """All sources of such a design; see ``counting_network.sv`` for the network's figures."""
    network = shaped(length, outputs)
    depth = shell.STREAM_DEPTH if streaming else shell.window_depth(length, hop)
    files = library_sources(shell.shell_sources(streaming=streaming))
    text = Path(__file__).with_name("counting_network.sv").read_text(encoding="utf-8")
    chosen = {"LENGTH": length, "OUTPUTS": outputs, "COST": cost, "DELAY": delay, "DRAIN": drain}
    for name, value in chosen.items():
        text = replaced_default(text, name, value)
    files["ntorc_network.sv"] = text
    files["ntorc_fitted_shell.sv"] = shell.shell_module(network, hop, depth, streaming=streaming, warm_up=warm_up)
    files["ntorc_top.sv"] = shell.top_module(network, f"{7:016x}", CLOCK_HZ)
    return files


def shaped(length: int, outputs: int) -> Network:
    """A network of these sizes, of which the shell needs nothing else."""
    word = FixedFormat(BITS, 0)
    return random_network(1, word, length, (Dense("d", length, 1, outputs, FixedFormat(8, 0), word),))


def replaced_default(text: str, name: str, value: int) -> str:
    """``parameter int NAME = VALUE`` with another value."""
    lines = text.splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if line.split()[:3] == ["parameter", "int", name]]
    if len(at) != 1:
        raise ValueError(f"{len(at)} parameters {name}")
    head, _, tail = lines[at[0]].partition("=")
    lines[at[0]] = f"{head}= {value}{',' if ',' in tail else ''}\n"
    return "".join(lines)
