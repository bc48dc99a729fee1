"""Exact cycles of the native network when samples come at any time and the receiver is late.

`cycles` states the latency of one frame whose receiver is always ready and whose earlier work is over.  Here the
same recurrence goes on from frame to frame, with two things more:

- an element is accepted in the cycle of its arrival at the earliest;
- a receiver takes no word of output vector v before the cycle ``gates[v]``, and then one a cycle: its last word of
  C leaves in the latest of the cycle that the network gives it in, C after the vector before, and gates[v] + C - 1.

So a stalled receiver adds to a result what it is late by, and to later ones what reaches them through full buffers: an
engine's holds two output vectors, a maximum's one element, and what waits for room holds up what is before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ntorc.backends.native.cycles import AnyEngine, Arc, EventGraph, Walk, all_weights, engine_for, last_only
from ntorc.backends.native.geometry import Engine
from ntorc.backends.native.resonator_engine import BankEngine
from ntorc.network.layers import AveragePool1D, MaxPool1D, Pool
from ntorc.network.network import Network

_FRAME_END = 2  # an engine's last position's last pass to its next frame's first element (ntorc_mvm)


def leaving_cycles(
    network: Network,
    lanes: Sequence[int],
    arrival: npt.NDArray[np.int64],
    gates: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """The cycle in which each output vector's last word leaves the network ``[frames * output_length]``.

    Args:
        network: of one input channel; one that keeps no state takes one frame, as its shell sends no second one
            before the first has left.
        lanes: multipliers by layer, pools left out.
        arrival: the cycle from which each sample is offered to the network, without its shell ``[n]``; whole frames.
        gates: the cycle before which the receiver takes no word of each output vector; None: it is always ready.

    Raises:
        ValueError: several frames for a network that keeps no state.
    """
    frames = len(arrival) // network.input_length
    if frames != 1 and not network.stateful:
        raise ValueError("a network that keeps no state takes its frames one by one")
    remaining = iter(lanes)
    engines = [engine_for(layer, 0 if isinstance(layer, Pool) else next(remaining)) for layer in network.layers]
    walk = _StreamWalk(network, engines, arrival.tolist(), None if gates is None else gates.tolist())
    return np.array(walk.leaving(frames), np.int64)


class _Now(EventGraph):
    """Events whose cycles are known as they are made."""

    def __init__(self, weights: Sequence[int]) -> None:
        super().__init__()
        self._weights = weights
        self.cycle = [0]

    def event(self, *arcs: Arc) -> int:
        """See `EventGraph.event`."""
        number = super().event(*arcs)
        self.cycle.append(max(self.cycle[at] + more + self._weights[weight] for at, more, weight in self.arcs[number]))
        return number


class _StreamWalk(Walk):
    """Vectors and positions are counted through all frames."""

    def __init__(
        self,
        network: Network,
        engines: Sequence[AnyEngine | None],
        arrival: Sequence[int],
        gates: Sequence[int] | None,
    ) -> None:
        self._now = _Now(all_weights(engines))
        super().__init__(network, engines, self._now)
        self._arrival, self._gates = arrival, gates

    def leaving(self, frames: int) -> list[int]:
        """Cycles of the output vectors' last words."""
        sink = len(self.layers)
        return [self._now.cycle[self.accept(sink, vector)] for vector in range(frames * self.outputs)]

    def available(self, index: int, vector: int) -> Arc:
        """See `Walk.available`."""
        if index == 0:
            return (0, self._arrival[vector])
        before, engine = self.layers[index - 1], self.engines[index - 1]
        if engine is None:
            return super().available(index, vector)
        frame, at = divmod(vector, before.output_length)
        positions = _positions(engine)
        position = frame * positions + (positions - 1 if last_only(engine) else at)
        return (self.start(index - 1, position), 0, index - 1, 2)

    def room(self, index: int, vector: int, size: int) -> list[Arc]:
        """See `Walk.room`; the receiver's gate is room too."""
        if index == len(self.layers):
            return [] if self._gates is None else [(0, self._gates[vector] + size - 1)]
        return super().room(index, vector, size)

    def gate(self, index: int, vector: int) -> tuple[int, int, int, int] | None:
        """See `Walk.gate`."""
        if index == len(self.layers):
            return None if self._gates is None else (0, self._gates[vector], -1, 0)
        layer, engine = self.layers[index], self.engines[index]
        if isinstance(layer, AveragePool1D | MaxPool1D) or engine is None:
            return super().gate(index, vector)
        frame, at = divmod(vector, engine.length)
        positions = _positions(engine)
        if at == 0:
            if frame == 0:
                return None
            last = self.start(index, frame * positions - 1)
            return (last, 1 if isinstance(engine, BankEngine) else _busy_cycles(engine) + _FRAME_END, -1, 0)
        behind = at - engine.slots + engine.pad_left
        if behind < 0:
            return None
        return (self.start(index, frame * positions + behind // engine.stride), 1, index, 1)

    def _start_next(self, index: int, position: int) -> None:
        engine = self.engines[index]
        if engine is None:
            raise ValueError("a pool has no positions")
        frame, at = divmod(position, _positions(engine))
        need = min(at * engine.stride + engine.span - engine.pad_left, engine.length)
        arcs: list[Arc] = [(0, -(1 << 40))]
        if need > 0:
            arcs.append((self.accept(index, frame * engine.length + need - 1), 1))
        if position:
            before = self.started[index][position - 1]
            if isinstance(engine, BankEngine) and at == 0:
                arcs.append((before, engine.closing_cycles))
            else:
                arcs.append((before, 0, index, 0))
        # the output buffer holds two vectors; a bank's last sample alone waits for room, an engine's every position
        vector = frame if last_only(engine) else position
        waits = not isinstance(engine, BankEngine) or at == engine.length - 1
        if vector >= 2 and waits:
            arcs.append((self.accept(index + 1, vector - 2), 1))
        self.started[index].append(self.graph.event(*arcs))


def _positions(engine: AnyEngine) -> int:
    return engine.length if isinstance(engine, BankEngine) else engine.positions


def _busy_cycles(engine: Engine) -> int:
    """From a position's start to its last pass' end."""
    return engine.groups * engine.interval_cycles
