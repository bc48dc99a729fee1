// The memory behind a design's AXI4 masters: one port, one read and one write burst at a time, as the logic's own
// DMA asks for.  The delays are of the size that a Zynq-7000's HP port has; no more than that is claimed for them.
#ifndef NTORC_MEMORY_PORT_H
#define NTORC_MEMORY_PORT_H

#include <cstdint>
#include <cstring>

namespace ntorc {

class MemoryPort {
 public:
  void attach(uint8_t *memory, uint64_t base, uint64_t bytes) {
    memory_ = memory;
    base_ = base;
    bytes_ = bytes;
  }

  void reset() {
    read_ = write_ = Burst();
    writing_ = false;
  }

  // What crosses the interface at the coming edge; the design's outputs have settled.
  template <typename Top>
  void see(const Top &top) {
    if (read_.beats != 0) {
      if (top.m_axi_rvalid && top.m_axi_rready) {
        read_.address += 4;
        --read_.beats;
      }
    } else if (top.m_axi_arvalid && top.m_axi_arready) {
      read_ = Burst{top.m_axi_araddr, top.m_axi_arlen + 1u, kReadDelayCycles, kOkay};
    }
    if (top.m_axi_wvalid && top.m_axi_wready) store(top.m_axi_wdata);
    if (top.m_axi_bvalid && top.m_axi_bready) writing_ = false;
    if (top.m_axi_awvalid && top.m_axi_awready) {
      write_ = Burst{top.m_axi_awaddr, top.m_axi_awlen + 1u, kWriteDelayCycles, kOkay};
      writing_ = true;
    }
  }

  // The inputs after the edge.
  template <typename Top>
  void drive(Top &top) {
    top.m_axi_arready = read_.beats == 0;
    if (read_.beats != 0 && read_.delay_cycles != 0) --read_.delay_cycles;
    top.m_axi_rvalid = read_.beats != 0 && read_.delay_cycles == 0;
    top.m_axi_rresp = inside(read_.address) ? kOkay : kDecodeError;
    top.m_axi_rdata = load(read_.address);
    const bool responds = writing_ && write_.beats == 0;
    if (responds && write_.delay_cycles != 0) --write_.delay_cycles;
    top.m_axi_bvalid = responds && write_.delay_cycles == 0;
    top.m_axi_bresp = write_.response;
    top.m_axi_wready = writing_ && write_.beats != 0;
    top.m_axi_awready = !writing_;
  }

 private:
  static constexpr uint8_t kOkay = 0, kDecodeError = 3;
  static constexpr uint32_t kReadDelayCycles = 30, kWriteDelayCycles = 10;

  struct Burst {
    uint64_t address = 0;
    uint32_t beats = 0;  // that are left
    uint32_t delay_cycles = 0;
    uint8_t response = kOkay;
  };

  bool inside(uint64_t address) const { return address >= base_ && address + 4 <= base_ + bytes_; }

  uint32_t load(uint64_t address) const {
    uint32_t word = 0;
    if (inside(address)) std::memcpy(&word, memory_ + (address - base_), sizeof word);
    return word;
  }

  void store(uint32_t word) {
    if (inside(write_.address)) {
      std::memcpy(memory_ + (write_.address - base_), &word, sizeof word);
    } else {
      write_.response = kDecodeError;
    }
    write_.address += 4;
    --write_.beats;
  }

  uint8_t *memory_ = nullptr;
  uint64_t base_ = 0, bytes_ = 0;
  Burst read_, write_;
  bool writing_ = false;
};

}  // namespace ntorc

#endif
