"""The plan of a native build: sources as data, with the digest that becomes the design ID."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ntorc.backends.base import Directive, Part, Plan
from ntorc.backends.native import generate, subject
from ntorc.backends.native.resonator_engine import bank_subject
from ntorc.network.layers import Layer, Pool
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.paths import gateware_folder
from ntorc.records import digest_of

TOP = "ntorc_top"


def library_sources(names: Sequence[str]) -> dict[str, str]:
    """The hand-written SystemVerilog by name."""
    return {name: (gateware_folder() / name).read_text(encoding="utf-8") for name in names}


NO_DIRECTIVE = Directive(0, 0, "none")


def _library(layer: Layer) -> tuple[str, ...]:
    """The hand-written files of a layer."""
    if isinstance(layer, Pool):
        return generate.pool_sources(layer)
    return generate.BANK_SOURCES if isinstance(layer, ResonatorBank) else generate.engine_sources(layer.activation)


def make_plan(network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
    """Everything a synthesiser or simulator reads.  ``directives``: one for each layer, pools included.

    The design ID is the head of the SHA-256 over all other sources and the clock: two designs with one
    ID are the same design.
    """
    libraries = [_library(layer) for layer in network.layers]
    # each once, in the order of first use: what a design does not use does not change its ID
    files = library_sources(list(dict.fromkeys(chain(generate.SHELL_SOURCES, *libraries))))
    parts = []
    for layer, word, directive, sources in zip(network.layers, network.formats, directives, libraries, strict=False):
        name = f"layer_{layer.name}"
        if isinstance(layer, Pool):
            files[f"{name}.sv"] = generate.pool_module(layer, word.bits)
            text = subject.pool_subject(layer, word.bits)
        elif isinstance(layer, ResonatorBank):
            files[f"{name}.sv"] = generate.bank_modules(network, layer, directive, word)
            text = bank_subject(network, layer, word)
        else:
            files[f"{name}.sv"] = generate.layer_modules(network, layer, directive, word)
            text = subject.engine_subject(network, layer, word)
        parts.append(Part(name, (*sources, f"{name}.sv"), text, str(directive)))
    files["ntorc_network.sv"] = generate.network_module(network)
    depth = generate.window_depth(network.input_length, hop)
    shell = "ntorc_fitted_shell"
    files[f"{shell}.sv"] = generate.shell_module(network, hop, depth)
    parts.append(
        Part(shell, (*generate.SHELL_SOURCES, f"{shell}.sv"), subject.shell_subject(network, hop), str(NO_DIRECTIVE))
    )
    design_id = digest_of({"files": files, "clock_hz": clock_hz})[:16]
    files["ntorc_top.sv"] = generate.top_module(network, design_id, clock_hz)
    return Plan(TOP, files, tuple(parts), design_id, hop, clock_hz)
