// A processor that writes and reads bursts of every legal shape, for test_bridge.py: what reaches the registers, and
// what comes back, against a plain model of AXI's addresses, lanes and responses.
#include <cstdint>
#include <deque>
#include <memory>
#include <random>

#include "Vntorc_bridge_checked.h"
#include "verilated.h"

namespace {

constexpr uint32_t kOkay = 0, kSlaveError = 2;

struct Burst {
  uint32_t id, address, length, size, burst;
};

uint32_t value_at(uint32_t address) { return (address ^ 0x5a5u) * 2654435761u; }

// AMBA AXI, A3.4.1, written another way than in the hardware: by the number of the beat
uint32_t address_of(const Burst &one, uint32_t beat) {
  const uint32_t step = 1u << one.size;
  if (one.burst == 0) return one.address;
  uint32_t address = beat == 0 ? one.address : one.address / step * step + beat * step;
  if (one.burst == 2) {
    const uint32_t span = (one.length + 1) * step, low = one.address / span * span;
    if (address >= low + span) address -= span;
  }
  return address & 0xfff;
}

struct Bench {
  VerilatedContext context;
  std::unique_ptr<Vntorc_bridge_checked> top;
  std::mt19937 draw;
  uint32_t broken = 0, lite_broken = 0, wrong = 0, beats = 0;
  std::deque<std::pair<uint32_t, uint32_t>> writes;  // that must reach the registers: address and data

  explicit Bench(uint32_t seed) : draw(seed) {
    context.fatalOnError(false);
    top = std::make_unique<Vntorc_bridge_checked>(&context);
    top->awvalid = top->wvalid = top->arvalid = top->bready = top->rready = 0;
    top->aresetn = 0;
    for (int i = 0; i < 4; ++i) tick();
    top->aresetn = 1;
  }
  ~Bench() { top->final(); }

  bool chance(uint32_t percent) { return draw() % 100 < percent; }

  void tick() {
    top->clk = 0;
    top->eval();
    top->read_value = value_at(top->read_address);
    top->eval();
    broken |= top->broken;
    lite_broken |= top->lite_broken;
    if (top->written) {
      if (writes.empty() || writes.front() != std::make_pair(uint32_t(top->write_address), top->write_data)) ++wrong;
      if (!writes.empty()) writes.pop_front();
    }
    top->clk = 1;
    top->eval();
  }

  Burst next(uint32_t largest_size, uint32_t largest_length) {
    Burst one{draw() % 8, draw() % 4096, draw() % (largest_length + 1), draw() % (largest_size + 1), draw() % 3};
    if (chance(60)) one.size = 2;
    if (one.burst == 2) {  // wrapping bursts have 2, 4, 8 or 16 beats and aligned addresses
      one.length = (2u << draw() % 4) - 1;
      if (one.length > largest_length) one.length = 1;
      one.address &= ~((1u << one.size) - 1);
    }
    return one;
  }
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// `counts`: beats, wrong ones, the rules of each side that were broken, assertions that failed.  0: it hung.
EXPORT int bench_bursts(uint32_t seed, uint32_t bursts, uint32_t lanes, uint32_t fault, uint32_t *counts) {
  Bench bench(seed);
  auto &top = *bench.top;
#ifdef BENCH_FAULT
  top.fault = fault;
#endif
  (void)fault;
  const uint32_t largest = lanes == 1 ? 2 : 4, longest = 15;
  int64_t limit = 4000ll * bursts;
  for (uint32_t n = 0; n < bursts; ++n) {
    const Burst one = bench.next(largest, longest);
    // a write, and a read beside it
    top.awvalid = 1;
    top.awid = one.id, top.awaddr = one.address, top.awlen = one.length, top.awsize = one.size, top.awburst = one.burst;
    const Burst other = bench.next(largest, longest);
    top.arvalid = bench.chance(70);
    top.arid = other.id, top.araddr = other.address, top.arlen = other.length, top.arsize = other.size,
    top.arburst = other.burst;
    bool reading = top.arvalid, writing = true;
    uint32_t sent = 0, got = 0, response = kOkay;
    bool offered = false;
    while (writing || reading) {
      if (--limit < 0) return 0;
      if (!offered && sent <= one.length && bench.chance(60)) {
        offered = true;
        for (uint32_t lane = 0; lane < lanes; ++lane) {
          const uint32_t word = bench.draw();
          if (lanes == 1) reinterpret_cast<uint32_t *>(&top.wdata)[0] = word;
          else reinterpret_cast<uint32_t *>(&top.wdata)[lane] = word;
        }
        const uint32_t address = address_of(one, sent), lane = lanes == 1 ? 0 : address / 4 % lanes;
        uint32_t strobes = 0;
        const uint32_t bytes = 1u << one.size;
        for (uint32_t byte = address % bytes; byte < bytes; ++byte)
          strobes |= 1u << ((address / bytes * bytes + byte) % (4 * lanes));
        if (bench.chance(10)) strobes = 0;
        top.wstrb = strobes;
        top.wlast = sent == one.length;
        const uint32_t own = strobes >> 4 * lane & 15;
        if (one.size == 2 && own == 15)
          bench.writes.emplace_back(address & 0xffc, reinterpret_cast<uint32_t *>(&top.wdata)[lane]);
        else if (strobes)
          response = kSlaveError;
      }
      top.wvalid = offered;
      top.bready = bench.chance(50);
      top.rready = bench.chance(50);
      top.clk = 0;
      top.eval();
      const bool aw = top.awvalid && top.awready, w = top.wvalid && top.wready, ar = top.arvalid && top.arready;
      const bool b = top.bvalid && top.bready, r = top.rvalid && top.rready;
      if (b) {
        if (top.bid != one.id || top.bresp != response || !bench.writes.empty() || sent <= one.length) ++bench.wrong;
        writing = false;
      }
      if (r) {
        ++bench.beats;
        const uint32_t wanted = other.size > 2 ? 0 : value_at(address_of(other, got) & 0xffc);
        if (top.rid != other.id || top.rlast != (got == other.length)) ++bench.wrong;
        if (top.rresp != (other.size > 2 ? kSlaveError : kOkay)) ++bench.wrong;
        for (uint32_t lane = 0; lane < lanes; ++lane)
          if (reinterpret_cast<uint32_t *>(&top.rdata)[lane] != wanted) ++bench.wrong;
        ++got;
        if (top.rlast) reading = false;
      }
      bench.tick();
      if (aw) top.awvalid = 0;
      if (ar) top.arvalid = 0;
      if (w) offered = false, ++sent, ++bench.beats;
    }
    top.bready = top.rready = top.wvalid = 0;
  }
  counts[0] = bench.beats, counts[1] = bench.wrong, counts[2] = bench.broken, counts[3] = bench.lite_broken;
  counts[4] = bench.context.errorCount();
  return 1;
}
