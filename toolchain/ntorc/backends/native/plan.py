"""The plan of a native build: sources as data, with the digest that becomes the design ID."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ntorc.backends.base import Directive, Part, Plan
from ntorc.backends.native import generate, shell, subject
from ntorc.backends.native.sources import library_sources
from ntorc.errors import DataError
from ntorc.network.layers import Layer, Pool
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.records import digest_of

TOP = "ntorc_top"
_STAGE = "ntorc_stage.sv"
SHELL = "ntorc_fitted_shell"


NO_DIRECTIVE = Directive(0, 0, "none")


def _library(layer: Layer, directive: Directive) -> tuple[str, ...]:
    """The hand-written files of a layer."""
    if isinstance(layer, Pool):
        return generate.pool_sources(layer)
    return generate.BANK_SOURCES if isinstance(layer, ResonatorBank) else generate.engine_sources(layer, directive)


def make_plan(
    network: Network,
    directives: Sequence[Directive],
    clock_hz: float,
    hop: int,
    *,
    dma: bool = False,
) -> Plan:
    """Everything a synthesiser or simulator reads.

    Args:
        network: the integer network.
        directives: one for each layer, pools included.
        clock_hz: the clock in Hz that is asked for.
        hop: samples from frame to frame; of a network that keeps state, its frame.
        dma: streams and a DMA for samples and results, beside the registers.

    The design ID is the head of the SHA-256 over all other sources and the clock: two designs with one
    ID are the same design.
    """
    libraries = [_library(layer, one) for layer, one in zip(network.layers, directives, strict=False)]
    streaming = network.stateful  # such a network takes samples as they come, each once
    if streaming and hop != network.input_length:
        raise DataError(
            f"'{network.name}' keeps its state, so each sample must reach it once: an estimate each {hop} samples"
            f" does not fit its frame of {network.input_length}",
            f"use a hop of {network.input_length} samples",
        )
    shell_sources = shell.shell_sources(streaming=streaming, dma=dma)
    # each once, in the order of first use: what a design does not use does not change its ID
    files = library_sources(list(dict.fromkeys(chain(shell_sources, *libraries))))
    parts = []
    for layer, word, directive, sources in zip(network.layers, network.formats, directives, libraries, strict=False):
        name = f"layer_{layer.name}"
        if isinstance(layer, Pool):
            made = generate.pool_module(layer, word.bits)
            text = subject.pool_subject(layer, word.bits)
        elif isinstance(layer, ResonatorBank):
            made = generate.bank_modules(network, layer, directive, word)
            text = subject.resonator_subject(network, layer, word)
        else:
            made = generate.layer_modules(network, layer, directive, word)
            text = subject.engine_subject(network, layer, word)
        memories = {f"{module}.sv": code for module, code in made.memories.items()}
        files |= memories | {f"{name}.sv": made.logic}
        needed = (*sources, *memories, f"{name}.sv")
        parts.append(Part(name, needed, text, str(directive), tuple(memories)))
    files["ntorc_network.sv"] = generate.network_module(network)
    depth = shell.STREAM_DEPTH if streaming else shell.window_depth(network.input_length, hop)
    files[f"{SHELL}.sv"] = shell.shell_module(
        network, hop, depth, streaming=streaming, warm_up=network.warm_up, dma=dma
    )
    text = subject.shell_subject(network, hop, streaming=streaming, dma=dma)
    parts.append(Part(SHELL, (*shell_sources, f"{SHELL}.sv"), text, str(NO_DIRECTIVE)))
    design_id = digest_of({"files": files, "clock_hz": clock_hz})[:16]
    files["ntorc_top.sv"] = shell.top_module(network, design_id, clock_hz, dma=dma)
    return Plan(TOP, files, tuple(parts), design_id, hop, clock_hz, dma)


def with_extra_stages(network: Network, plan: Plan, stages: int) -> Plan:
    """The same design with registers between shell and network: a design of its own, with its own ID.

    No closed form and no cost model knows of them; a lab's simulated board has them.
    """
    if stages == 0:
        return plan
    design_id = digest_of({"of": plan.design_id, "extra_stages": stages})[:16]
    top = shell.top_module(network, design_id, plan.clock_hz, dma=plan.dma, extra_stages=stages)
    files = library_sources([_STAGE]) | plan.files | {"ntorc_top.sv": top}
    return replace(plan, files=files, design_id=design_id)
