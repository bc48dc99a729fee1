// A processing system at the ports of the generated top: single accesses as a processor makes them, for
// test_zynq_top.py.
#include <cstdint>
#include <memory>

#include "Vzynq_bench.h"
#include "verilated.h"

namespace {

struct Bench {
  VerilatedContext context;
  std::unique_ptr<Vzynq_bench> top{new Vzynq_bench{&context}};

  Bench() {
    top->clk = 0, top->resetn = 0;
    for (int i = 0; i < 8; ++i) tick();
    top->resetn = 1;
    for (int i = 0; i < 8; ++i) tick();
  }
  ~Bench() { top->final(); }

  void tick() {
    top->clk = 0;
    top->eval();
    top->clk = 1;
    top->eval();
  }
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void *bench_create() { return new Bench; }
EXPORT void bench_destroy(void *handle) { delete static_cast<Bench *>(handle); }
EXPORT void bench_run(void *handle, uint32_t cycles) {
  while (cycles--) static_cast<Bench *>(handle)->tick();
}

EXPORT void bench_poke(void *handle, uint32_t at, uint32_t word) {
  auto &bench = *static_cast<Bench *>(handle);
  bench.top->poke = 1, bench.top->poke_at = at, bench.top->poke_word = word;
  bench.tick();
  bench.top->poke = 0;
}

EXPORT uint32_t bench_peek(void *handle, uint32_t at) {
  auto &bench = *static_cast<Bench *>(handle);
  bench.top->poke_at = at;
  bench.top->eval();
  return bench.top->peek_word;
}

EXPORT int bench_broken(void *handle) { return static_cast<Bench *>(handle)->top->broken; }

// 0 where the logic does not answer, or with another ID or an error
EXPORT int bench_read(void *handle, uint32_t address, uint32_t id, uint32_t *value) {
  auto &bench = *static_cast<Bench *>(handle);
  auto &top = *bench.top;
  top.araddr = address, top.arid = id, top.arvalid = 1, top.rready = 1;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    top.clk = 0;
    top.eval();
    const bool taken = top.arvalid && top.arready, given = top.rvalid;
    if (given) *value = top.rdata;
    const bool right = top.rid == id && top.rlast && top.rresp == 0;
    bench.tick();
    if (taken) top.arvalid = 0;
    if (given) {
      top.rready = 0;
      return right;
    }
  }
  return 0;
}

EXPORT int bench_write(void *handle, uint32_t address, uint32_t id, uint32_t value) {
  auto &bench = *static_cast<Bench *>(handle);
  auto &top = *bench.top;
  top.awaddr = address, top.awid = id, top.wdata = value;
  top.awvalid = top.wvalid = top.bready = 1;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    top.clk = 0;
    top.eval();
    const bool aw = top.awvalid && top.awready, w = top.wvalid && top.wready, b = top.bvalid;
    const bool right = top.bid == id && top.bresp == 0;
    bench.tick();
    if (aw) top.awvalid = 0;
    if (w) top.wvalid = 0;
    if (b) {
      top.bready = 0;
      return right;
    }
  }
  return 0;
}
