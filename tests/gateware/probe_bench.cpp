// ntorc_probe alone, its ports driven cycle by cycle, for test_probe.py.
#include <cstdint>
#include <memory>

#include "Vntorc_probe.h"
#include "verilated.h"

namespace {

struct Bench {
  VerilatedContext context;
  std::unique_ptr<Vntorc_probe> top;

  Bench() : top(std::make_unique<Vntorc_probe>(&context)) {
    top->clk = top->start = top->done = top->write = 0;
    top->rst = top->clear = 1;
    tick();
    tick();
    top->rst = top->clear = 0;
  }
  ~Bench() { top->final(); }

  void tick() {
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
  }
};

Bench *bench(void *handle) { return static_cast<Bench *>(handle); }

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void *bench_create(void) { return new Bench; }
EXPORT void bench_destroy(void *handle) { delete bench(handle); }

EXPORT void bench_write(void *handle, uint32_t address, uint32_t value) {
  auto &top = bench(handle)->top;
  top->write = 1;
  top->write_address = address;
  top->write_data = value;
  bench(handle)->tick();
  top->write = 0;
}

// without a clock edge
EXPORT uint32_t bench_read(void *handle, uint32_t address) {
  auto &top = bench(handle)->top;
  top->read_address = address;
  top->eval();
  return top->read_value;
}

// n cycles; `watched` receives what the register at `address` reads after each of them
EXPORT void bench_run(void *handle, uint32_t n, const uint8_t *start, const uint8_t *done, const uint8_t *clear,
                      uint32_t address, uint32_t *watched) {
  auto &top = bench(handle)->top;
  for (uint32_t i = 0; i < n; ++i) {
    top->start = start[i];
    top->done = done[i];
    top->clear = clear[i];
    bench(handle)->tick();
    watched[i] = bench_read(handle, address);
  }
  top->start = top->done = top->clear = 0;
}
