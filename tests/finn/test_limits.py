"""What FINN cannot do is said at once, with what to use instead; what it can is left as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli_program import Program
from ntorc.backends.base import Directive, Resources
from ntorc.backends.finn.fillers import filled, fit, shipped
from ntorc.backends.finn.limits import unsupported, with_whole_result
from ntorc.errors import UsageError
from ntorc.network import reference
from ntorc.network.activations import table_within
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import LSTM, AveragePool1D, Conv1D, Dense, Layer, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.choose import builds_here
from ntorc.pipeline.finn.plan import write_plan
from ntorc.pipeline.flow import open_flow
from ntorc.pipeline.standalone import NetworkRequest
from ntorc.progress import Silent

WORD, WEIGHTS = FixedFormat(6, 3), FixedFormat(4, 3)


def network_of(*layers: Layer, word: FixedFormat = WORD) -> Network:
    return random_network(1, word, layers[0].input_length, layers)


def test_layers_that_keep_a_state_are_refused_with_what_to_use_instead() -> None:
    gate = FixedFormat(8, 7)
    curves = table_within("sigmoid", 0.02), table_within("tanh", 0.02)
    lstm = LSTM("memory", 6, 1, 3, FixedFormat(6, 5), FixedFormat(8, 7), gate, FixedFormat(10, 7), *curves)
    (reason,) = unsupported(network_of(lstm, word=FixedFormat(8, 7)))
    assert reason.startswith("'memory' (lstm): FINN has no layers that keep a state; use --backend native")


def test_what_is_too_wide_or_averages_is_named() -> None:
    wide = Dense("wide", 4, 1, 2, FixedFormat(10, 8), FixedFormat(16, 8), "relu")
    last = Dense("last", 1, 2, 1, WEIGHTS, FixedFormat(8, 3))
    found = unsupported(network_of(wide, last))
    assert [reason.split(" has ")[0].split(" gives ")[0] for reason in found] == ["'wide'", "'wide'"]
    averaged = network_of(AveragePool1D("mean", 4, 1, 2), Dense("last", 2, 1, 1, WEIGHTS, FixedFormat(8, 3)))
    assert unsupported(averaged) == ["'mean' averages: use max pooling"]


def test_what_finn_would_leave_to_software_is_named() -> None:
    word = FixedFormat(6, 3)
    pool = MaxPool1D("pool", 8, 1, 2)
    conv = Conv1D("conv", 4, 1, 2, 3, WEIGHTS, word, activation="relu")
    first, last = unsupported(network_of(pool, conv))
    assert first.startswith("'pool' comes first, which FINN leaves to software")
    assert last.startswith("'conv' comes last, which FINN leaves to software")


def test_a_relu_may_fill_eight_bits_without_its_sign() -> None:
    layers = Conv1D("c", 4, 1, 2, 3, WEIGHTS, FixedFormat(9, 4), activation="relu"), Dense("d", 2, 2, 1, WEIGHTS, WORD)
    assert unsupported(network_of(*layers)) == []


def test_the_whole_result_is_the_sum_before_rounding() -> None:
    network = network_of(Dense("a", 4, 1, 3, WEIGHTS, WORD, "relu"), Dense("b", 1, 3, 2, WEIGHTS, FixedFormat(4, 1)))
    whole = with_whole_result(network)
    frames = np.random.default_rng(1).integers(WORD.minimum, WORD.maximum + 1, (50, 4, 1))
    sums, rounded = reference.run(whole, frames), reference.run(network, frames)
    assert whole.output_format.fraction == WORD.fraction + WEIGHTS.fraction
    cut = whole.output_format.fraction - 1
    np.testing.assert_array_equal(np.clip((sums + (1 << cut - 1)) >> cut, -8, 7), rounded)


def test_a_directive_keeps_its_folding_as_text() -> None:
    directive = Directive(6, 24, "tool", folding="pe2.simd3")
    assert Directive.parse(str(directive)) == directive


def test_gaps_are_filled_and_named_and_estimates_left_alone() -> None:
    known = filled("ConvolutionInputGenerator_rtl", Resources(300, 0, 0, 0), 8, 24, 8)
    assert known.gaps == ("ff",)
    assert known.mean.lut == known.bound.lut == 300
    assert 0 < known.mean.ff <= known.bound.ff
    assert filled("Pool_hls", Resources(), 8, 8, 8).gaps == ("lut", "ff")
    assert filled("Unknown_rtl", Resources(), 8, 8, 8).mean == Resources()


def test_the_shipped_lines_say_where_they_are_from() -> None:
    assert "yosys" in shipped().tool
    sources = {kind: both["ff"].source for kind, both in shipped().lines.items()}
    assert sources["FMPadding_rtl"] == "FINN's gateware"
    assert sources["MVAU_hls"] == sources["Pool_hls"] == "stand-in"


def test_a_line_is_found_again_and_bounds_its_samples() -> None:
    generator = np.random.default_rng(1)
    rows = [
        {"in_bits": a, "out_bits": b, "element_bits": e, "dsp": d, "lut": 20 + 3 * a + b / 2 + 7 * d + a * (b / 8 + e)}
        for a, b, e, d in generator.integers(1, 60, (16, 4)).astype(float)
    ]
    line = fit(rows, "lut", "test")
    np.testing.assert_allclose(line.coefficients, (20, 3, 0.5, 7, 0.125, 1), rtol=1e-6)
    noisy = [{**row, "lut": row["lut"] * generator.uniform(0.8, 1.2)} for row in rows]
    line = fit(noisy, "lut", "test")
    for row in noisy:
        bound = line.worst * line.value(
            int(row["in_bits"]), int(row["out_bits"]), int(row["element_bits"]), row["dsp"]
        )
        assert bound >= row["lut"] * (1 - 1e-9)


def test_nothing_is_built_and_the_way_out_is_named(program: Program, tmp_path: Path) -> None:
    network = network_of(Dense("d", 4, 1, 1, WEIGHTS, WORD))
    network.save(tmp_path / "net")
    found = program("build", str(tmp_path / "net"), "--board", "pynq-z2", "--deadline", "1ms", "--backend", "finn")
    assert found.returncode == 2
    assert "ntorc build NETWORK --backend finn --plan-only" in found.stderr
    wide = network_of(Dense("d", 4, 1, 2, FixedFormat(10, 8), WORD, "relu"), Dense("e", 1, 2, 1, WEIGHTS, WORD))
    words = ("--board", "pynq-z2", "--deadline", "1ms", "--backend", "finn", "--plan-only")
    refused = program("build", wide.save(tmp_path / "wide"), *words)
    assert refused.returncode == 1
    assert "'d' has weights of 10 bits" in refused.stderr


def test_doctor_and_deploy_say_what_finn_is_here(program: Program) -> None:
    found = program("deploy", "--board", "pynq-z2", "--deadline", "500us", "--backend", "finn")
    assert found.returncode == 2
    assert "neither builds nor deploys it" in found.stderr
    rows = {row["name"]: row for row in program.json("doctor")["tools"]}
    assert rows["backend native"]["present"]
    assert "hls4ml 1" in rows["backend hls4ml"]["detail"]
    here, detail = rows["backend finn"]["present"], rows["backend finn"]["detail"]
    assert ("finn-plus" if here else "ntorc backend install finn") in detail


def test_what_a_backend_cannot_build_is_said_for_every_tool() -> None:
    assert builds_here("finn", "") == builds_here("hls4ml", "vivado", here=False) == ""
    for tool in ("virtual", "vivado", "openxc7"):
        assert "ntorc backend plan finn" in builds_here("finn", tool, here=False)
    assert "the vendor's HLS" in builds_here("hls4ml", "openxc7", here=False)


def test_a_plan_is_not_written_over_somebodys_folder(tmp_path: Path, ntorc_home: Path) -> None:
    """Before anything is computed; a folder of an earlier plan is known by its own plan.json."""
    folder, file = tmp_path / "mine", tmp_path / "file"
    folder.mkdir()
    (folder / "README.txt").write_text("mine\n", encoding="utf-8")
    file.write_text("mine\n", encoding="utf-8")
    request = NetworkRequest(tmp_path / "no-network", "pynq-z2", "500us", "finn")
    for out, said in ((folder, "is no plan of FINN's"), (file, "is a file"), (file / "plan", "is a file")):
        with pytest.raises(UsageError, match=said):
            write_plan(open_flow(Silent()), request, out)
    (folder / "plan.json").write_text('{"steps": []}\n', encoding="utf-8")  # a project for other tools
    with pytest.raises(UsageError, match="is no plan of FINN's"):
        write_plan(open_flow(Silent()), request, folder)
    assert (folder / "README.txt").read_text(encoding="utf-8") == "mine\n"
    (folder / "plan.json").write_text('{"finn_plus": "1.6.1"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="there is no network"):  # so the folder was taken
        write_plan(open_flow(Silent()), request, folder)
