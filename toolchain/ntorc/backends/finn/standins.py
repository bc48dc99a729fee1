"""Circuits of ours that stand in for operators whose code only the vendor's HLS makes, to be synthesised by yosys.

They do the same work on streams of the same width behind the same registered handshake; what HLS makes of it is
larger or smaller, so that figures from them are marked as stand-ins.
"""

from __future__ import annotations

_PORTS = """\
  input  logic clk, rst,
  input  logic [{in_bits}-1:0] in_data, input logic in_valid, output logic in_ready,
  output logic [{out_bits}-1:0] out_data, output logic out_valid, input logic out_ready
"""
_MOVES = """\
  logic moves;
  assign moves = !out_valid || out_ready;
  assign in_ready = moves;
"""


def maximum(lanes: int, bits: int, window: int) -> tuple[str, str]:
    """Name and text of the maximum over ``window`` vectors in turn, ``lanes`` elements a cycle (of ``Pool_hls``)."""
    name, width, counter = f"standin_maximum_{lanes}_{bits}_{window}", lanes * bits, max((window - 1).bit_length(), 1)
    text = f"""\
module {name} (
{_PORTS.format(in_bits=width, out_bits=width)});
{_MOVES}  logic [{counter}-1:0] index;
  logic [{bits}-1:0] best [{lanes}];
  logic last;
  assign last = index == {window - 1};
  always_ff @(posedge clk)
    if (rst) begin index <= 0; out_valid <= 0; end
    else if (moves) begin
      out_valid <= in_valid && last;
      if (in_valid) index <= last ? 0 : index + 1'b1;
    end
  for (genvar i = 0; i < {lanes}; i++) begin : lane
    logic [{bits}-1:0] element, larger;
    assign element = in_data[i*{bits} +: {bits}];
    assign larger = (index == 0 || element > best[i]) ? element : best[i];
    always_ff @(posedge clk)
      if (moves && in_valid) begin best[i] <= larger; out_data[i*{bits} +: {bits}] <= larger; end
  end
endmodule
"""
    return name, text


def adder(lanes: int, bits: int, sums: int) -> tuple[str, str]:
    """Name and text of the sum of a stream and constants (of ``ElementwiseAdd_hls``)."""
    name = f"standin_adder_{lanes}_{bits}_{sums}"
    text = f"""\
module {name} (
  input logic [{sums}-1:0] constants [{lanes}],
{_PORTS.format(in_bits=lanes * bits, out_bits=lanes * sums)});
{_MOVES}  always_ff @(posedge clk)
    if (rst) out_valid <= 0;
    else if (moves) out_valid <= in_valid;
  for (genvar i = 0; i < {lanes}; i++) begin : lane
    always_ff @(posedge clk)
      if (moves) out_data[i*{sums} +: {sums}] <= $signed(in_data[i*{bits} +: {bits}]) + $signed(constants[i]);
  end
endmodule
"""
    return name, text


def matrix(rows: int, columns: int, in_bits: int, weight_bits: int, sums: int) -> tuple[str, str]:
    """Name and text of products, added and accumulated: of ``MVAU_hls`` in logic, of ``MVAU_rtl`` in DSPs."""
    name = f"standin_matrix_{rows}_{columns}_{in_bits}_{weight_bits}_{sums}"
    text = f"""\
module {name} (
  input logic [{rows * columns * weight_bits}-1:0] weights, input logic first, last,
{_PORTS.format(in_bits=columns * in_bits, out_bits=rows * sums)});
{_MOVES}  logic valid1, first1, last1;
  always_ff @(posedge clk)
    if (rst) begin valid1 <= 0; out_valid <= 0; end
    else if (moves) begin valid1 <= in_valid; first1 <= first; last1 <= last; out_valid <= valid1 && last1; end
  for (genvar r = 0; r < {rows}; r++) begin : row
    logic signed [{in_bits + weight_bits}-1:0] products [{columns}];
    logic signed [{sums}-1:0] total, sum;
    for (genvar c = 0; c < {columns}; c++) begin : column
      always_ff @(posedge clk)
        if (moves)
          products[c] <= $signed(in_data[c*{in_bits} +: {in_bits}])
            * $signed(weights[(r*{columns}+c)*{weight_bits} +: {weight_bits}]);
    end
    always_comb begin
      total = first1 ? '0 : sum;
      for (int c = 0; c < {columns}; c++) total = total + products[c];
    end
    always_ff @(posedge clk) if (moves && valid1) sum <= total;
    assign out_data[r*{sums} +: {sums}] = sum;
  end
endmodule
"""
    return name, text


def thresholds(lanes: int, bits: int, out_bits: int) -> tuple[str, str]:
    """Name and text of a search in ``out_bits`` stages, each with its threshold (of ``Thresholding_rtl``)."""
    name = f"standin_thresholds_{lanes}_{bits}_{out_bits}"
    text = f"""\
module {name} (
  input logic signed [{bits}-1:0] threshold [{lanes}][{out_bits}],
{_PORTS.format(in_bits=lanes * bits, out_bits=lanes * out_bits)});
{_MOVES}  logic [{out_bits}:0] valid;
  assign valid[0] = in_valid;
  assign out_valid = valid[{out_bits}];
  for (genvar s = 0; s < {out_bits}; s++) begin : stage
    always_ff @(posedge clk)
      if (rst) valid[s+1] <= 0;
      else if (moves) valid[s+1] <= valid[s];
  end
  for (genvar i = 0; i < {lanes}; i++) begin : lane
    logic signed [{bits}-1:0] value [{out_bits + 1}];
    logic [{out_bits}-1:0] found [{out_bits + 1}];
    assign value[0] = in_data[i*{bits} +: {bits}];
    assign found[0] = '0;
    for (genvar s = 0; s < {out_bits}; s++) begin : stage
      always_ff @(posedge clk)
        if (moves) begin
          value[s+1] <= value[s];
          found[s+1] <= {{found[s][{out_bits}-2:0], value[s] >= threshold[i][s]}};
        end
    end
    assign out_data[i*{out_bits} +: {out_bits}] = found[{out_bits}];
  end
endmodule
"""
    return name, text
