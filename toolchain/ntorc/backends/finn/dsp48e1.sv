// The interface of the 7 series' DSP block, so that code which instantiates it can be read; it is counted, not simulated.
(* blackbox *)
module DSP48E1 #(
  parameter ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, AUTORESET_PATDET = "NO_RESET", A_INPUT = "DIRECT",
  parameter BCASCREG = 1, BREG = 1, B_INPUT = "DIRECT", CARRYINREG = 1, CARRYINSELREG = 1, CREG = 1, DREG = 1,
  parameter INMODEREG = 1, MREG = 1, OPMODEREG = 1, PREG = 1, SEL_MASK = "MASK", SEL_PATTERN = "PATTERN",
  parameter USE_DPORT = "FALSE", USE_MULT = "MULTIPLY", USE_PATTERN_DETECT = "NO_PATDET", USE_SIMD = "ONE48",
  parameter [47:0] MASK = 0, PATTERN = 0,
  parameter [0:0] IS_CLK_INVERTED = 0, IS_CARRYIN_INVERTED = 0,
  parameter [3:0] IS_ALUMODE_INVERTED = 0,
  parameter [4:0] IS_INMODE_INVERTED = 0,
  parameter [6:0] IS_OPMODE_INVERTED = 0
) (
  output [29:0] ACOUT, output [17:0] BCOUT, output CARRYCASCOUT, output [3:0] CARRYOUT, output MULTSIGNOUT,
  output OVERFLOW, output [47:0] P, output PATTERNBDETECT, output PATTERNDETECT, output [47:0] PCOUT, output UNDERFLOW,
  input [29:0] A, input [29:0] ACIN, input [3:0] ALUMODE, input [17:0] B, input [17:0] BCIN, input [47:0] C,
  input CARRYCASCIN, input CARRYIN, input [2:0] CARRYINSEL, input CEA1, input CEA2, input CEAD, input CEALUMODE,
  input CEB1, input CEB2, input CEC, input CECARRYIN, input CECTRL, input CED, input CEINMODE, input CEM, input CEP,
  input CLK, input [24:0] D, input [4:0] INMODE, input MULTSIGNIN, input [6:0] OPMODE, input [47:0] PCIN,
  input RSTA, input RSTALLCARRYIN, input RSTALUMODE, input RSTB, input RSTC, input RSTCTRL, input RSTD,
  input RSTINMODE, input RSTM, input RSTP
);
endmodule
