"""What a hardware description says of the processing system: a Zynq-7000's PS7, or an UltraScale+'s PS8."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ntorc.errors import BundleError

_DIVISORS = range(1, 64)  # two dividers of 6 bits: FPGAx_CLK_CTRL (UG585), PLx_REF_CTRL (UG1087)


@dataclass(frozen=True)
class ProcessingSystem:
    """One family's processing system, as pynq and the design see it.

    Attributes:
        family: as board files name it.
        arch: of the hardware description.
        instance, vlnv: how pynq knows it.
        port: its master port towards the logic, in the hardware description.
        first, last: addresses that the port answers to.
        clock_pin: of its first clock to the logic.
        pll_hz: what that clock is divided from.
        part: of a part's name: device, package and speed grade.
    """

    family: str
    arch: str
    instance: str
    vlnv: str
    port: str
    first: int
    last: int
    clock_pin: str
    pll_hz: int
    part: re.Pattern[str]

    def divisors(self, clock_hz: float) -> tuple[int, int]:
        """The two dividers of the first clock that give the highest clock not above ``clock_hz``.

        A design was made for ``clock_hz``; the nearest clock could be above it, so rounding is down.

        Raises:
            BundleError: no dividers give such a clock.
        """
        most_hz = clock_hz * (1 + 1e-9)
        found = ((d0 * d1, d0, d1) for d0 in _DIVISORS for d1 in _DIVISORS if self.pll_hz / (d0 * d1) <= most_hz)
        best = min(found, default=None)
        if best is None:
            slowest_hz = self.pll_hz / max(_DIVISORS) ** 2
            raise BundleError(
                f"the logic's clock cannot run at {clock_hz:.0f} Hz", f"ask for at least {slowest_hz / 1e6:.3f} MHz"
            )
        return best[2], best[1]

    def clock_hz(self, clock_hz: float) -> float:
        """The clock in Hz that is really there when ``clock_hz`` is asked for: that or less."""
        divisor0, divisor1 = self.divisors(clock_hz)
        return self.pll_hz / (divisor0 * divisor1)

    def clock_parameters(self, clock_hz: float) -> dict[str, str]:
        """Its settings of the four clocks to the logic, of which only the first is used."""
        values: dict[str, str] = {}
        for index in range(4):
            used = index == 0
            divisor0, divisor1 = self.divisors(clock_hz) if used else (1, 1)
            achieved_mhz = (self.clock_hz(clock_hz) if used else self.pll_hz) / 1e6
            values |= self._clock(index, used, divisor0, divisor1)
            # pynq 4.0.0 reads the achieved frequency under the name of the UltraScale+ parameter on
            # Zynq-7000 too, and fails without it; for a disabled clock it is only read
            values[f"PSU__CRL_APB__PL{index}_REF_CTRL__ACT_FREQMHZ"] = f"{achieved_mhz:.6f}"
        return values | self._fixed()

    def memory_parameters(self) -> dict[str, str]:
        """Settings of the slave port by which a DMA reaches memory: its width, which pynq sets (PG201, UG1087)."""
        return {} if self.family == PS7.family else {"C_SAXIGP2_DATA_WIDTH": "128"}

    def _clock(self, index: int, used: bool, divisor0: int, divisor1: int) -> dict[str, str]:
        if self.family == PS7.family:
            return {
                f"PCW_FPGA_FCLK{index}_ENABLE": str(int(used)),
                f"PCW_FCLK{index}_PERIPHERAL_CLKSRC": "IO PLL",
                f"PCW_FCLK{index}_PERIPHERAL_DIVISOR0": str(divisor0),
                f"PCW_FCLK{index}_PERIPHERAL_DIVISOR1": str(divisor1),
            }
        control = f"PSU__CRL_APB__PL{index}_REF_CTRL__"
        return {
            f"PSU__FPGA_PL{index}_ENABLE": str(int(used)),
            f"{control}SRCSEL": "IOPLL",
            f"{control}DIVISOR0": str(divisor0),
            f"{control}DIVISOR1": str(divisor1),
        }

    def _fixed(self) -> dict[str, str]:
        if self.family == PS7.family:
            return {"PCW_CRYSTAL_PERIPHERAL_FREQMHZ": "50", "PCW_IOPLL_CTRL_FBDIV": str(self.pll_hz // 50_000_000)}
        return {"C_MAXIGP0_DATA_WIDTH": "128"}  # as after a power-up; the design takes any


PS7 = ProcessingSystem(
    family="zynq7",
    arch="zynq",
    instance="processing_system7_0",
    vlnv="xilinx.com:ip:processing_system7:5.5",
    port="M_AXI_GP0",
    first=0x4000_0000,
    last=0x7FFF_FFFF,
    clock_pin="FCLK_CLK0",
    pll_hz=1_000_000_000,  # of the supported boards: a crystal of 50 MHz, times 20
    part=re.compile(r"xc(7z\d{3}s?)([a-z]{3}\d+)(-\d[a-z]?)"),
)
PS8 = ProcessingSystem(
    family="zynquplus",
    arch="zynquplus",
    instance="zynq_ultra_ps_e_0",
    vlnv="xilinx.com:ip:zynq_ultra_ps_e:3.4",
    port="M_AXI_HPM0_FPD",
    first=0xA000_0000,
    last=0xAFFF_FFFF,
    clock_pin="pl_clk0",
    # 33.333 MHz times 45: the vendor's preset of these boards.  Not read from a board; one that differs is found when
    # the clock is read back, before anything is measured.
    pll_hz=1_500_000_000,
    part=re.compile(r"xc(zu\d+(?:eg|ev|cg)|k2[46])-?([a-z]{4}\d+)(-\d[A-Z]*-?[a-z]?)"),
)


def processing_system(part: str) -> ProcessingSystem:
    """That of a part, as ``xc7z020clg400-1`` or ``xczu7ev-ffvc1156-2-e``.

    Raises:
        BundleError: it is neither a Zynq-7000 nor a Zynq UltraScale+.
    """
    for system in (PS7, PS8):
        if system.part.fullmatch(part):
            return system
    raise BundleError(
        f"{part} is not a Zynq-7000 part, nor a Zynq UltraScale+ one",
        "the hardware description is for their processing systems only",
    )
