"""Predicted against measured, and the layers with their directives, resources and basis."""

from __future__ import annotations

from collections.abc import Sequence

from ntorc.allocate.allocation import LayerAllocation
from ntorc.backends.base import RESOURCES, Directive, Resources, Utilisation
from ntorc.report.blocks import Column, bullets, code, folded, paragraph, section, table
from ntorc.report.data import ReportData
from ntorc.report.figures import count, duration, percent, signed
from ntorc.report.markup import Child, Markup, element, join

_NONE = "–"
_WHERE = {"block": "block RAM", "lut": "logic", "none": _NONE}


def comparison(data: ReportData) -> Markup:
    """Latency and resources: predicted, bound, measured, difference, and the share of the device."""
    allocation, measured = data.allocation, data.measurement
    low, high = measured.pl_cycles_min, measured.pl_cycles_max
    cycles = count(high) if low == high else f"{count(low)} to {count(high)}"
    rows: list[tuple[Child, ...]] = [
        (
            "Latency in the logic, cycles",
            count(allocation.latency_cycles),
            _NONE,
            cycles,
            _difference(high, allocation.latency_cycles),
            count(allocation.budget_cycles),
            _used(high, allocation.budget_cycles),
        )
    ]
    for name in RESOURCES:
        predicted, bound = getattr(allocation.predicted, name), getattr(allocation.bound, name)
        found, device = getattr(data.products.total, name), getattr(data.device, name)
        rows.append(
            (
                name.upper(),
                count(predicted),
                count(bound),
                count(found),
                _difference(found, predicted),
                count(device),
                _used(found, device),
            )
        )
    columns = [
        Column("Quantity"),
        Column("Predicted", True),
        Column("Upper bound", True),
        Column("Measured, routed" if data.is_routed else "Measured, synthesised", True),
        Column("Difference", True),
        Column("Available", True),
        Column("Used", True),
    ]
    said = (
        f"Cycles were measured on the {'virtual board' if data.is_virtual else 'board'}; resources are those after"
        f" {data.made_by}. Available: the cycles that the"
        f" deadline leaves after {duration(allocation.io_overhead_s)} of I/O, and the resources of the"
        f" {allocation.part}."
    )
    return section(
        "comparison",
        "Predicted against measured",
        paragraph(said, class_="soft small"),
        table(columns, rows, label="Predicted against measured", stacks=True),
    )


def _difference(found: float, predicted: float) -> str:
    """Found less predicted, with its share."""
    if round(found) == round(predicted):
        return "0"
    if not predicted:
        return signed(found - predicted)
    return f"{signed(found - predicted)} ({percent((found - predicted) / predicted)})"


def _used(used: float, available: float) -> Markup:
    if available <= 0:
        return join(_NONE)
    share = used / available
    full = "full" if share > 1 else None
    bar = element("span", style=f"width:{min(share, 1) * 100:.2f}%", class_=full)
    return join(percent(share), element("span", bar, class_="share", aria_hidden="true"))


def layers(data: ReportData) -> Markup:
    """Every layer with its directive, its predicted and synthesised resources, and the basis."""
    allocation = data.allocation
    found = synthesised_by_layer(allocation.layers, data.products.parts)
    said = (
        f"The least capacity-weighted area ({percent(allocation.area)} summed over the four resources) that keeps"
        f" {count(allocation.latency_cycles)} of {count(allocation.budget_cycles)} cycles: a proven optimum by"
        f" {allocation.solver}, with {count(allocation.cuts)} latency paths."
        f" {count(allocation.measured_layers)} of {count(len(allocation.layers))} predictions rest on measurements."
    )
    return section(
        "layers",
        "Layers",
        paragraph(said, class_="soft small"),
        _layer_table(data, found),
        _parts(data.products.parts),
    )


def synthesised_by_layer(chosen: Sequence[LayerAllocation], parts: Sequence[Utilisation]) -> list[Resources] | None:
    """Synthesised resources of every layer and, last, of the shell; None when the parts are cut otherwise.

    A build that synthesises layer by layer gives its parts in the network's order and the shell last.
    """
    if len(parts) != len(chosen) + 1:
        return None
    if any(str(layer.directive) != part.directive for layer, part in zip(chosen, parts, strict=False)):
        return None
    return [part.resources for part in parts]


def _layer_table(data: ReportData, found: list[Resources] | None) -> Markup:
    allocation = data.allocation
    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("Multipliers", True),
        Column("Reuse factor", True),
        Column("Weights"),
        Column("Basis"),
    ]
    for name in RESOURCES:
        columns += [Column("pred.", True), Column("synth.", True)] if found else [Column(name.upper(), True)]
    rows: list[list[Child]] = []
    for index, layer in enumerate(allocation.layers):
        directive = layer.directive
        rows.append(
            [
                layer.layer,
                layer.kind,
                _multipliers(directive),
                count(directive.reuse_factor) if directive.reuse_factor else _NONE,
                _storage(directive),
                layer.basis,
                *_pairs(layer.resources, found[index] if found else None),
            ]
        )
    shell = _pairs(allocation.fixed, found[-1] if found else None)
    rows.append(["Shell", "fixed", _NONE, _NONE, _NONE, _NONE, *shell])
    lanes = sum(layer.directive.multipliers for layer in allocation.layers)
    totals = _pairs(allocation.predicted, data.products.total if found else None)
    foot: list[list[Child]] = [["Total", "", count(lanes), "", "", "", *totals]]
    above = None
    if found:
        groups = (element("th", name.upper(), colspan="2", scope="colgroup", class_="group") for name in RESOURCES)
        above = element("tr", element("td", colspan="6"), *groups)
    return table(columns, rows, label="Layers with directives and resources", foot=foot, above=above)


def _multipliers(directive: Directive) -> str:
    if not directive.multipliers:
        return _NONE
    return count(directive.multipliers) + (" in logic" if directive.multiplier_kind == "logic" else "")


def _storage(directive: Directive) -> str:
    weights = _WHERE.get(directive.weight_storage, directive.weight_storage)
    if directive.table_storage == "auto":
        return weights
    return f"{weights}; tables in {_WHERE[directive.table_storage]}"


def _pairs(predicted: Resources, found: Resources | None) -> list[Child]:
    cells: list[Child] = []
    for name in RESOURCES:
        cells.append(count(getattr(predicted, name)))
        if found is not None:
            cells.append(count(getattr(found, name)))
    return cells


def _parts(parts: Sequence[Utilisation]) -> Markup | None:
    if not parts:
        return None
    columns = [
        Column("Part, as the cost models know it"),
        Column("Directive"),
        *(Column(name.upper(), True) for name in RESOURCES),
        Column("Tool"),
    ]
    rows = [
        [
            code(part.subject),
            code(part.directive),
            *(count(getattr(part.resources, name)) for name in RESOURCES),
            part.tool,
        ]
        for part in parts
    ]
    return folded("What was synthesised, part by part", table(columns, rows, label="Synthesised parts"))


def calibration(data: ReportData) -> Markup:
    """What the measurements changed in the cost models."""
    said = (
        bullets(data.calibration)
        if data.calibration
        else paragraph("Nothing: the cost models already knew what was measured here.", class_="soft")
    )
    return section("calibration", "What calibration changed", said)
