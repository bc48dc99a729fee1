// A network without its shell, its stream driven cycle by cycle; C interface for backends/native/stream_bench.py.
#include <cstdint>

#include "Vntorc_network.h"
#include "verilated.h"

namespace {

struct Bench {
  VerilatedContext context;
  Vntorc_network top{&context};

  Bench() {
    top.clk = top.in_valid = top.out_ready = 0;
    reset(4);
  }
  ~Bench() { top.final(); }

  void tick() {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
  }
  void reset(int cycles) {
    top.in_valid = top.out_ready = 0;
    top.rst = 1;
    for (int i = 0; i < cycles; ++i) tick();
    top.rst = 0;
    top.eval();
  }
};

}  // namespace

// Before the run samples are fed as fast as they are taken for `disturb` cycles, and cut off by a reset of one
// cycle.  Then sample i is offered from cycle arrival[i] on.  The receiver is ready as ready[] says, again and again,
// and takes no word of output vector v (`size` words each) before cycle gate[v].  With a `frame` each so many samples
// wait until the network has given `results` words for each frame before and is idle, and cycles count from there.
// Gives the cycles of acceptance, and the words that leave with theirs; returns how many left.
extern "C" __attribute__((visibility("default"))) uint64_t network_bench(
    const int32_t *samples, const uint64_t *arrival, uint64_t count, uint64_t frame, uint64_t results,
    const uint8_t *ready, uint64_t ready_count, const uint64_t *gate, uint64_t size, uint64_t disturb,
    uint64_t *accepted, int32_t *words, uint64_t *left, uint64_t expected, uint64_t limit) {
  Bench bench;
  auto &top = bench.top;
  uint64_t next = 0, found = 0, zero = 0;
  for (uint64_t cycle = 0; cycle < disturb; ++cycle) {
    top.in_valid = 1;
    top.in_data = static_cast<uint32_t>(samples[(cycle * 7 + 3) % count]) & ((1u << INPUT_BITS) - 1);
    top.out_ready = cycle & 1;
    bench.tick();
  }
  bench.reset(1);
  bool waits = frame != 0;
  for (uint64_t cycle = 0; cycle < limit && (next < count || found < expected); ++cycle) {
    if (waits && found == next / frame * results && top.idle) {
      waits = false;
      zero = cycle;
    }
    const uint64_t now = cycle - zero;
    const bool offered = next < count && !waits && now >= arrival[next];
    top.in_valid = offered;
    top.in_data = offered ? static_cast<uint32_t>(samples[next]) & ((1u << INPUT_BITS) - 1) : 0;
    top.out_ready = ready[cycle % ready_count] && found < expected && now >= gate[found / size];
    top.eval();
    if (offered && top.in_ready) {
      accepted[next++] = now;
      waits = frame != 0 && next % frame == 0;
    }
    if (top.out_valid && top.out_ready) {
      words[found] = static_cast<int32_t>(top.out_data);
      left[found++] = now;
    }
    bench.tick();
  }
  return found;
}
