"""Exact cycles of the composed native network, as a max-plus recurrence over whole vectors.

Every engine is deterministic dataflow: the cycle in which a vector is accepted, a position starts or a
word leaves is the maximum over its predecessors' cycles plus constants.  The weights that depend on a
layer's directive are three: T (one position), R (start to the last read) and A (start to the last
word available).  So the latency of a network is a maximum over paths, each of them LINEAR in the
layers' T, R and A: the critical path of one choice of directives is a lower bound for all choices.
That is what makes the streaming overlap exact in an integer program (`StreamingLatency.cut`).

A network that keeps state takes samples as they arrive: there the earlier samples' work is over when the
last one comes, which holds as long as the latency is at most a sample period.

Cycle numbering: an element is accepted in the cycle in which valid and ready are both high.  See
``firmware/gateware/*.sv`` for the hardware's side of each constant; the tests compare both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Cut, LatencyModel
from ntorc.backends.native.finish import Quotient
from ntorc.backends.native.geometry import Engine, engine_of
from ntorc.backends.native.resonator_engine import BankEngine, bank_engine
from ntorc.network.layers import AveragePool1D, Layer, MaxPool1D, Pool
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank

_SOURCE_DELAY = 2  # the last sample's acceptance to the frame's first element (ntorc_window)
_STREAM_DELAY = 1  # a sample's acceptance to its element (ntorc_samples)
_LONG = 1 << 40  # cycles: what began so long ago is over
_RESULT_DELAY = 1  # the last output word's acceptance to the visible result
_PIPELINE = 6  # last read issued to the first of the pass's words in the output buffer, less one
_T, _R, _A = 0, 1, 2

AnyEngine = Engine | BankEngine


def engine_for(layer: Layer, lanes: int) -> AnyEngine | None:
    """The engine of a layer with ``lanes`` multipliers; None for a pool."""
    if isinstance(layer, Pool):
        return None
    return bank_engine(layer, lanes) if isinstance(layer, ResonatorBank) else engine_of(layer, lanes)


def engine_weights(engine: AnyEngine) -> tuple[int, int, int]:
    """T, R, A in cycles: position to position, start to last read, start to last word available.

    A recurrent layer's next position reads the last word of the state as its last input: from ``inputs``
    cycles before that word is there it may start.  A bank's position is a sample, read as it starts.
    """
    if isinstance(engine, BankEngine):
        return engine.update_cycles, 0, engine.available_cycles
    last_pass = (engine.groups - 1) * engine.interval_cycles
    last_read = last_pass + engine.inputs
    last_word = last_read + _PIPELINE + engine.finish_cycles + engine.rest
    interval = engine.groups * engine.interval_cycles
    return max(interval, last_word - engine.inputs) if engine.state else interval, last_read, last_word


def last_only(engine: AnyEngine) -> bool:
    """Whether only a frame's last position has an output vector."""
    return isinstance(engine, BankEngine) or engine.last_only


Arc = tuple[int, int] | tuple[int, int, int, int]
"""Predecessor and constant; a weighted one also has the layer and which of its T, R, A."""


@dataclass
class EventGraph:
    """Events, each the latest of its arcs.  Directives change the weights alone: the arcs are those of the network."""

    arcs: list[tuple[tuple[int, int, int], ...]] = field(default_factory=lambda: [()])  # source, constant, weight

    def event(self, *arcs: Arc) -> int:
        """A new event: the maximum over its arcs."""
        self.arcs.append(
            tuple((arc[0], arc[1], 3 * arc[2] + arc[3] if len(arc) == 4 and arc[2] >= 0 else -1) for arc in arcs)
        )
        return len(self.arcs) - 1

    def cycles(self, weights: Sequence[int]) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Of every event its cycle and the arc that decided it; ``weights``: T, R, A of each layer, then a 0."""
        cycle, decided = [0], [(-1, 0, -1)]
        for arcs in self.arcs[1:]:
            best, chosen = -(1 << 60), (-1, 0, -1)
            for arc in arcs:
                found = cycle[arc[0]] + arc[1] + weights[arc[2]]
                if found > best:
                    best, chosen = found, arc
            cycle.append(best)
            decided.append(chosen)
        return cycle, decided

    def last(self, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The last event's cycles for many weights at once ``[3 * layers + 1, m]``: ``[m]``."""
        cycle: list[npt.NDArray[np.int64]] = [np.zeros(weights.shape[1], np.int64)]
        for arcs in self.arcs[1:]:
            best = None
            for source, constant, weight in arcs:
                found = cycle[source] + constant
                if weight >= 0:
                    found += weights[weight]
                best = found if best is None else np.maximum(best, found, out=best)
            assert best is not None
            cycle.append(best)
        return cycle[-1]


def latency_events(network: Network, engines: Sequence[AnyEngine | None]) -> EventGraph:
    """Walk the frame through the network; the last event is the visible result.  Of the engines only shapes count."""
    return Walk(network, engines, EventGraph()).run()


def all_weights(engines: Sequence[AnyEngine | None]) -> list[int]:
    """T, R, A of every layer in one list, and the 0 of an arc without a weight."""
    return [item for engine in engines for item in (engine_weights(engine) if engine else (0, 0, 0))] + [0]


class Walk:
    """The recurrence, vector by vector, demand-driven from the result.

    For layer l: ``accepted[l][v]`` (last element of input vector v accepted), ``started[l][p]``
    (position p starts, engines only).  The sink behind the last layer accepts at once.
    """

    def __init__(self, network: Network, engines: Sequence[AnyEngine | None], graph: EventGraph) -> None:
        self.layers = network.layers
        self.formats = network.formats
        self.engines = engines
        self.graph = graph
        self.accepted: list[list[int]] = [[] for _ in range(len(self.layers) + 1)]
        self.started: list[list[int]] = [[] for _ in self.layers]
        self.outputs = network.layers[-1].output_length
        self.streaming, self.length = network.stateful, network.input_length

    def run(self) -> EventGraph:
        sink = len(self.layers)
        for vector in range(self.outputs):
            self.accept(sink, vector)
        self.graph.event((self.accepted[sink][-1], _RESULT_DELAY))
        return self.graph

    def channels(self, index: int) -> int:
        """Elements of an input vector of layer ``index`` (or of the result)."""
        if index < len(self.layers):
            return self.layers[index].input_channels
        return self.layers[-1].output_channels

    def accept(self, index: int, vector: int) -> int:
        """Event: the last element of this input vector is accepted by layer ``index``."""
        done = self.accepted[index]
        while len(done) <= vector:
            self._accept_next(index, len(done))
        return done[vector]

    def _accept_next(self, index: int, vector: int) -> None:
        size = self.channels(index)
        arcs: list[Arc] = [self.available(index, vector)]
        if vector:
            arcs.append((self.accepted[index][vector - 1], size))
        arcs += self.room(index, vector, size)
        self.accepted[index].append(self.graph.event(*arcs))

    def available(self, index: int, vector: int) -> Arc:
        """Arc to the cycle in which the last element of an input vector can be accepted at the earliest."""
        if index == 0:
            if self.streaming:  # samples arrive one by one, each finished before the next
                return (0, _STREAM_DELAY - _LONG * (self.length - 1 - vector))
            return (0, _SOURCE_DELAY + vector)
        before = self.layers[index - 1]
        if isinstance(before, MaxPool1D):
            return (self.accept(index - 1, (vector + 1) * before.pool - 1), 1)
        if isinstance(before, AveragePool1D):
            delay = Quotient(self.formats[index - 1].bits, before.pool).cycles
            return (self.accept(index - 1, (vector + 1) * before.pool - 1), delay)
        engine = self.engines[index - 1]
        position = engine.length - 1 if engine is not None and last_only(engine) else vector
        return (self.start(index - 1, position), 0, index - 1, _A)

    def room(self, index: int, vector: int, size: int) -> list[Arc]:
        """Arcs for the room that an input vector needs, counted to its last element."""
        if index == len(self.layers):
            return []
        layer = self.layers[index]
        if isinstance(layer, MaxPool1D):
            return self._pool_room(index, vector, size, layer)
        gate = self.gate(index, vector)
        return [] if gate is None else [(gate[0], gate[1] + size - 1, gate[2], gate[3])]

    def gate(self, index: int, vector: int) -> tuple[int, int, int, int] | None:
        """Arc to the first cycle in which the layer takes this vector's first element; None: any cycle."""
        if index == len(self.layers):  # the receiver
            return None
        layer, engine = self.layers[index], self.engines[index]
        if isinstance(layer, AveragePool1D):
            pool_index, phase = divmod(vector, layer.pool)
            if phase != layer.pool - 1 or pool_index < 2:
                return None
            return (self.accept(index + 1, pool_index - 2), 1, -1, 0)  # the output buffer holds two vectors
        if engine is None:
            return None
        behind = vector - engine.slots + engine.pad_left
        if behind < 0:
            return None
        position = behind // engine.stride  # the first position whose end frees the slot
        return (self.start(index, position), 1, index, _R)

    def _pool_room(
        self, index: int, vector: int, size: int, layer: MaxPool1D
    ) -> list[Arc]:
        """A pool's only register holds one output element until the next layer takes it."""
        pool_index, phase = divmod(vector, layer.pool)
        if phase != layer.pool - 1:
            return []
        arcs: list[Arc] = []
        if pool_index:
            arcs.append((self.accept(index + 1, pool_index - 1), size - 1))
        if size > 1:
            gate = self.gate(index + 1, pool_index)
            if gate is not None:
                arcs.append((gate[0], gate[1] + size - 2, gate[2], gate[3]))
        return arcs

    def start(self, index: int, position: int) -> int:
        """Event: position ``position`` of the engine starts."""
        done = self.started[index]
        while len(done) <= position:
            self._start_next(index, len(done))
        return done[position]

    def _start_next(self, index: int, position: int) -> None:
        engine = self.engines[index]
        if engine is None:
            raise ValueError("a pool has no positions")
        need = min(position * engine.stride + engine.span - engine.pad_left, engine.length)
        arcs: list[Arc] = [(0, -_LONG * self.length if self.streaming else 0)]
        if need > 0:
            arcs.append((self.accept(index, need - 1), 1))
        if position:
            arcs.append((self.started[index][position - 1], 0, index, _T))
        if position >= 2 and not last_only(engine):  # the output buffer holds two vectors
            arcs.append((self.accept(index + 1, position - 2), 1))
        self.started[index].append(self.graph.event(*arcs))


class StreamingLatency:
    """The latency model over options: ``choices[layer][option]`` is the engine of that option."""

    def __init__(self, network: Network, choices: Sequence[Sequence[AnyEngine | None]]) -> None:
        self._network = network
        self._choices = choices

    @cached_property
    def _graph(self) -> EventGraph:
        return latency_events(self._network, [row[0] for row in self._choices])

    @cached_property
    def _weights(self) -> list[list[tuple[int, int, int]]]:
        return [[engine_weights(e) if e is not None else (0, 0, 0) for e in row] for row in self._choices]

    def _of(self, choice: Sequence[int]) -> list[int]:
        return [w for row, index in zip(self._weights, choice, strict=True) for w in row[index]] + [0]

    def latency_cycles(self, choice: Sequence[int]) -> int:
        """See `LatencyModel.latency_cycles`."""
        return self._graph.cycles(self._of(choice))[0][-1]

    def latencies(self, choices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `LatencyModel.latencies`."""
        rows = [np.array(row, np.int64)[choices[:, index]].T for index, row in enumerate(self._weights)]
        return self._graph.last(np.concatenate([*rows, np.zeros((1, len(choices)), np.int64)]))

    def cut(self, choice: Sequence[int]) -> Cut:
        """See `LatencyModel.cut`: the critical path's constants, and how often it uses T, R, A of each layer."""
        cycle, decided = self._graph.cycles(self._of(choice))
        counts = [[0, 0, 0] for _ in self._choices]
        constant, event = 0, len(cycle) - 1
        while event > 0:
            event, step, weight = decided[event]
            constant += step
            if weight >= 0:
                counts[weight // 3][weight % 3] += 1
        rows = tuple(
            tuple(float(sum(n * w for n, w in zip(uses, weights, strict=True))) for weights in row)
            for row, uses in zip(self._weights, counts, strict=True)
        )
        return Cut(float(constant), rows)

    def joined(self, others: Sequence[tuple[LatencyModel, Sequence[bool]]]) -> StreamingLatency:
        """See `LatencyModel.joined`."""
        rows = [list(row) for row in self._choices]
        for model, taken in others:
            if not isinstance(model, StreamingLatency):
                raise TypeError("only models of the streaming overlap join one")
            for row, more, one in zip(rows, model._choices, taken, strict=True):
                row += more if one else []
        return StreamingLatency(self._network, rows)


def latency_cycles(network: Network, lanes: Sequence[int]) -> int:
    """Cycles from the last sample's acceptance to the visible result, with ``lanes`` by layer, pools left out."""
    remaining = iter(lanes)
    engines = [engine_for(layer, 0 if isinstance(layer, Pool) else next(remaining)) for layer in network.layers]
    return latency_events(network, engines).cycles(all_weights(engines))[0][-1]
