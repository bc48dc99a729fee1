// The virtual bitstream: a Verilated ntorc_top behind the C interface of pl_abi.h.
// One AXI4-Lite transaction is driven signal by signal, as a bus master would; every wait is bounded.
#include <memory>
#include <type_traits>

#include "Vntorc_top.h"
#include "memory_port.h"
#include "verilated.h"

extern "C" {
#include "pl_abi.h"
}

namespace {

constexpr int kBusLimitCycles = 1000;

// Whether this design masters memory, told from its ports; the registers behind the shell's are the DMA's then.
template <typename Top, typename = void>
struct Masters : std::false_type {};
template <typename Top>
struct Masters<Top, std::void_t<decltype(std::declval<Top &>().m_axi_araddr)>> : std::true_type {};

constexpr uint32_t kOffsetMask = Masters<Vntorc_top>::value ? 0x1fff : 0xfff;

struct Logic {
  VerilatedContext context;
  std::unique_ptr<Vntorc_top> top;
  ntorc::MemoryPort memory;
  uint64_t cycles = 0;

  Logic() : top(std::make_unique<Vntorc_top>(&context)) { reset(); }
  ~Logic() { top->final(); }

  void tick() { tick_of(*top); }

  template <typename Top>
  void tick_of(Top &design) {
    if constexpr (Masters<Top>::value) {
      design.eval();
      memory.see(design);
    }
    design.clk = 1;
    design.eval();
    if constexpr (Masters<Top>::value) memory.drive(design);
    design.clk = 0;
    design.eval();
    ++cycles;
  }

  void reset() {
    top->s_axi_awvalid = top->s_axi_wvalid = top->s_axi_arvalid = 0;
    top->s_axi_bready = top->s_axi_rready = 0;
    top->clk = 0;
    top->aresetn = 0;
    memory.reset();
    for (int i = 0; i < 8; ++i) tick();
    top->aresetn = 1;
    for (int i = 0; i < 4; ++i) tick();
  }

  int read(uint32_t offset, uint32_t *value) {
    top->s_axi_araddr = offset & kOffsetMask;
    top->s_axi_arvalid = 1;
    top->s_axi_rready = 1;
    bool address_taken = false;
    for (int i = 0; i < kBusLimitCycles; ++i) {
      top->eval();
      const bool address = !address_taken && top->s_axi_arready;
      const bool data = top->s_axi_rvalid;
      if (data) *value = top->s_axi_rdata;
      const bool good = top->s_axi_rresp == 0;
      tick();
      if (address) {
        address_taken = true;
        top->s_axi_arvalid = 0;
      }
      if (data) {
        top->s_axi_rready = 0;
        top->eval();
        return good ? 0 : -1;
      }
    }
    top->s_axi_arvalid = top->s_axi_rready = 0;
    return -1;
  }

  int write(uint32_t offset, uint32_t value) {
    top->s_axi_awaddr = offset & kOffsetMask;
    top->s_axi_wdata = value;
    top->s_axi_awvalid = top->s_axi_wvalid = top->s_axi_bready = 1;
    for (int i = 0; i < kBusLimitCycles; ++i) {
      top->eval();
      const bool address = top->s_axi_awvalid && top->s_axi_awready;
      const bool data = top->s_axi_wvalid && top->s_axi_wready;
      const bool response = top->s_axi_bvalid;
      const bool good = top->s_axi_bresp == 0;
      tick();
      if (address) top->s_axi_awvalid = 0;
      if (data) top->s_axi_wvalid = 0;
      if (response) {
        top->s_axi_bready = 0;
        top->eval();
        return good ? 0 : -1;
      }
    }
    top->s_axi_awvalid = top->s_axi_wvalid = top->s_axi_bready = 0;
    return -1;
  }
};

Logic *logic(void *handle) { return static_cast<Logic *>(handle); }

}  // namespace

extern "C" {

uint32_t ntorc_pl_abi(void) { return 1; }
void *ntorc_pl_create(void) { return new Logic; }
void ntorc_pl_destroy(void *handle) { delete logic(handle); }
void ntorc_pl_reset(void *handle) { logic(handle)->reset(); }
void ntorc_pl_step(void *handle, uint64_t cycles) {
  for (uint64_t i = 0; i < cycles; ++i) logic(handle)->tick();
}
int ntorc_pl_read(void *handle, uint32_t offset, uint32_t *value) { return logic(handle)->read(offset, value); }
int ntorc_pl_write(void *handle, uint32_t offset, uint32_t value) { return logic(handle)->write(offset, value); }
void ntorc_pl_memory(void *handle, uint8_t *memory, uint64_t base, uint64_t bytes) {
  logic(handle)->memory.attach(memory, base, bytes);
}
uint64_t ntorc_pl_cycles(const void *handle) { return static_cast<const Logic *>(handle)->cycles; }

}  // extern "C"
