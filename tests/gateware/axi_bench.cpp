// A master that follows AXI4-Lite and is otherwise as irregular as it may be, for the shell with the rules of
// its bus, for test_axi_rules.py.  A failed assertion is counted, not fatal.
#include <cstdint>
#include <memory>
#include <random>

#include "Vntorc_shell_checked.h"
#include "verilated.h"

namespace {

struct Bench {
  VerilatedContext context;
  std::unique_ptr<Vntorc_shell_checked> top;
  std::mt19937 draw;
  uint32_t broken = 0;

  explicit Bench(uint32_t seed) : draw(seed) {
    context.fatalOnError(false);
    top = std::make_unique<Vntorc_shell_checked>(&context);
    reset();
  }
  ~Bench() { top->final(); }

  bool chance(uint32_t percent) { return draw() % 100 < percent; }

  // the inputs are set: see what the rules say, then one edge
  void tick() {
    top->clk = 0;
    top->eval();
    broken |= top->broken | top->stream_broken << 11;
    top->clk = 1;
    top->eval();
  }

  void reset() {
    top->s_axi_awvalid = top->s_axi_wvalid = top->s_axi_arvalid = 0;
    top->s_axi_bready = top->s_axi_rready = 0;
    top->in_ready = top->out_valid = 0;
    top->s_axis_tvalid = 0;
    top->aresetn = 0;
    for (int i = 0; i < 4; ++i) tick();
    top->aresetn = 1;
  }
};

Bench *bench(void *handle) { return static_cast<Bench *>(handle); }

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void *bench_create(uint32_t seed) { return new Bench(seed); }
EXPORT void bench_destroy(void *handle) { delete bench(handle); }
EXPORT void bench_reset(void *handle) { bench(handle)->reset(); }
EXPORT uint32_t bench_broken(void *handle) { return bench(handle)->broken; }
EXPORT uint32_t bench_errors(void *handle) { return bench(handle)->context.errorCount(); }
#ifdef BENCH_MUTANT
EXPORT void bench_mutant(void *handle, uint32_t number) { bench(handle)->top->mutant = number; }
#endif

// Writes and reads side by side until all have their responses, or the limit is reached, or a rule is broken.
// `valid` and `ready`: chances in percent that a VALID is raised and that a READY is given, in each cycle.
// Returns the cycles that it took, 0 when it did not come to its end.
EXPORT uint32_t bench_traffic(void *handle, uint32_t writes, const uint32_t *write_address, const uint32_t *data,
                              uint32_t reads, const uint32_t *read_address, uint32_t *values, uint32_t valid,
                              uint32_t ready, uint32_t limit_cycles) {
  Bench &b = *bench(handle);
  auto &top = b.top;
  uint32_t aw = 0, w = 0, ar = 0, responses = 0, answers = 0;
  for (uint32_t cycle = 1; cycle <= limit_cycles && b.broken == 0; ++cycle) {
    if (!top->s_axi_awvalid && aw < writes && b.chance(valid)) {
      top->s_axi_awvalid = 1;
      top->s_axi_awaddr = write_address[aw];
    }
    if (!top->s_axi_wvalid && w < writes && b.chance(valid)) {
      top->s_axi_wvalid = 1;
      top->s_axi_wdata = data[w];
    }
    if (!top->s_axi_arvalid && ar < reads && b.chance(valid)) {
      top->s_axi_arvalid = 1;
      top->s_axi_araddr = read_address[ar];
    }
    top->s_axi_bready = b.chance(ready);
    top->s_axi_rready = b.chance(ready);
    top->in_ready = b.chance(50);
    top->out_valid = b.chance(20);
    top->out_data = b.draw();
    top->network_idle = b.chance(80);
    top->m_axis_tready = b.chance(ready);
    top->clk = 0;
    top->eval();
    const bool aw_taken = top->s_axi_awvalid && top->s_axi_awready;
    const bool w_taken = top->s_axi_wvalid && top->s_axi_wready;
    const bool ar_taken = top->s_axi_arvalid && top->s_axi_arready;
    const bool response = top->s_axi_bvalid && top->s_axi_bready;
    const bool answer = top->s_axi_rvalid && top->s_axi_rready;
    if (answer && answers < reads) values[answers] = top->s_axi_rdata;
    b.tick();
    if (aw_taken) top->s_axi_awvalid = 0, ++aw;
    if (w_taken) top->s_axi_wvalid = 0, ++w;
    if (ar_taken) top->s_axi_arvalid = 0, ++ar;
    responses += response;
    answers += answer;
    if (responses >= writes && answers >= reads) return cycle;
  }
  return 0;
}
