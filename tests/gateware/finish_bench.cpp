// Feeds finishing stages with sums, one record a cycle, and collects what they push.
// usage: bench <sums> <results> <stages>; a record is one 64-bit sum, or one 32-bit result, for each stage.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "Vfinish_bench.h"
#include "verilated.h"

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const size_t stages = std::strtoul(argv[3], nullptr, 10);
  std::FILE *in = std::fopen(argv[1], "rb"), *out = std::fopen(argv[2], "wb");
  if (!in || !out) return 3;
  VerilatedContext context;
  Vfinish_bench top(&context);
  std::vector<uint64_t> record(stages);
  std::vector<std::vector<int32_t>> found(stages);
  auto tick = [&] {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
    for (size_t i = 0; i < stages; ++i)
      if (top.out_valid >> i & 1) found[i].push_back(static_cast<int32_t>(top.out_data.data()[i]));
  };
  top.clk = 0;
  top.rst = 1;
  top.in_valid = 0;
  for (int i = 0; i < 40; ++i) tick();
  for (auto &row : found) row.clear();  // what was under way before the reset reached every register
  top.rst = 0;
  top.in_valid = 1;
  while (std::fread(record.data(), sizeof(uint64_t), stages, in) == stages) {
    std::memcpy(top.in_data.data(), record.data(), stages * sizeof(uint64_t));
    tick();
  }
  top.in_valid = 0;
  for (int i = 0; i < 40; ++i) tick();
  for (const auto &row : found) {
    const uint64_t count = row.size();
    std::fwrite(&count, sizeof count, 1, out);
    std::fwrite(row.data(), sizeof(int32_t), row.size(), out);
  }
  return std::fclose(out) == 0 ? 0 : 4;
}
