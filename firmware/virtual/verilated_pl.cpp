// The virtual bitstream: a Verilated ntorc_top behind the C interface of pl_abi.h.
// One AXI4-Lite transaction is driven signal by signal, as a bus master would; every wait is bounded.
#include <memory>

#include "Vntorc_top.h"
#include "verilated.h"

extern "C" {
#include "pl_abi.h"
}

namespace {

constexpr int kBusLimitCycles = 1000;

struct Logic {
  VerilatedContext context;
  std::unique_ptr<Vntorc_top> top;
  uint64_t cycles = 0;

  Logic() : top(std::make_unique<Vntorc_top>(&context)) { reset(); }
  ~Logic() { top->final(); }

  void tick() {
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
    ++cycles;
  }

  void reset() {
    top->s_axi_awvalid = top->s_axi_wvalid = top->s_axi_arvalid = 0;
    top->s_axi_bready = top->s_axi_rready = 0;
    top->clk = 0;
    top->aresetn = 0;
    for (int i = 0; i < 8; ++i) tick();
    top->aresetn = 1;
    for (int i = 0; i < 4; ++i) tick();
  }

  int read(uint32_t offset, uint32_t *value) {
    top->s_axi_araddr = offset & 0xfff;
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
    top->s_axi_awaddr = offset & 0xfff;
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
uint64_t ntorc_pl_cycles(const void *handle) { return static_cast<const Logic *>(handle)->cycles; }

}  // extern "C"
