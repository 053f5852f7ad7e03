// Gives a fuzz target each input of its kept corpus, once, in every build that has tests: what was
// found once stays found, with any compiler and sanitizer.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes;
  std::transform(std::istreambuf_iterator<char>(file), {}, std::back_inserter(bytes),
                 [](char octet) { return static_cast<std::uint8_t>(octet); });
  return bytes;
}

}  // namespace

TEST_CASE("every input of the kept corpus passes") {
  const std::filesystem::path corpus = FAIRLEAD_SOURCE_DIR "/fuzz/corpus/" FAIRLEAD_CORPUS;
  std::size_t inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    CAPTURE(entry.path().string());
    const std::vector<std::uint8_t> bytes = read_bytes(entry.path());
    CHECK(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()) == 0);
    ++inputs;
  }
  CHECK(inputs > 0);
}
