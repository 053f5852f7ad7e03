#include "store/postgres/sample_batch.h"

#include <optional>
#include <vector>

namespace fairlead::store::postgres {
namespace {

/// COPY's binary format (PostgreSQL's manual, COPY, "Binary Format"): signature, flags, no
/// extension.
constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::int16_t kTrailer = -1;
constexpr std::int16_t kColumns = 6;
constexpr std::size_t kUsualBytes = std::size_t{1} << 20;

constexpr const char* kAdvance = "SELECT advance_progress($1, $2, $3, $4, $5, $6)";
constexpr const char* kSaveLatest =
    "INSERT INTO telemetry_latest (device, checkpoint) SELECT * FROM unnest($1, $2) "
    "ON CONFLICT (device) DO UPDATE SET checkpoint = excluded.checkpoint";

void put_field(std::string& out, std::int64_t value) {
  put_int32(out, sizeof value);
  put_int64(out, value);
}

void put_field(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  put_int32(out, static_cast<std::int32_t>(text.size()));
  put_text(out, text);
  const std::size_t size = out.size() - begin - sizeof(std::int32_t);
  if (size == text.size()) return;
  std::string length;
  put_int32(length, static_cast<std::int32_t>(size));
  out.replace(begin, length.size(), length);
}

}  // namespace

Result<void> SampleBatch::add(const telemetry::SampleBlock& block) {
  for (const telemetry::SampleBlock::Part& part : block.parts()) {
    if (auto added = add(block, part); !added) return added;
  }
  for (const telemetry::SampleBlock::Checkpoint& checkpoint : block.checkpoints()) {
    checkpoints_[checkpoint.device] = block.text(checkpoint);
  }
  return {};
}

Result<void> SampleBatch::add(const telemetry::SampleBlock& block,
                              const telemetry::SampleBlock::Part& part) {
  std::int64_t next = part.offset - static_cast<std::int64_t>(part.count) + 1;
  const auto [found, is_new] = devices_.try_emplace(part.device, Device{.first_offset = next});
  Device& device = found->second;
  if (!is_new && device.part->offset + 1 != next) {
    return fail(Code::kInternal, "constraint failed: offsets of a device have no holes");
  }
  device.block = &block;
  device.part = &part;
  for (std::size_t i = part.first; i < part.first + part.count; ++i) {
    const telemetry::SampleView sample = block.sample(i);
    if (sample.offset != next++) {
      return fail(Code::kInternal, "constraint failed: offsets of a device have no holes");
    }
    add_row(part.device, sample);
  }
  return {};
}

void SampleBatch::add_row(protocol::DeviceKey device, const telemetry::SampleView& sample) {
  if (copy_.empty()) copy_ = kHeader;
  ++rows_;
  days_.insert(day_of(sample.at));
  put_int16(copy_, kColumns);
  put_field(copy_, device);
  put_field(copy_, sample.offset);
  put_field(copy_, sample.ts);
  put_field(copy_, sample.at);
  put_field(copy_, sample.seq);
  put_field(copy_, sample.metrics);
}

std::string_view SampleBatch::copy_data() {
  // Asked for again when a commit is tried again: a trailer ends the rows once.
  if (!is_closed_) put_int16(copy_, kTrailer);
  is_closed_ = true;
  return copy_;
}

void SampleBatch::forget(protocol::DeviceKey device) {
  devices_.erase(device);
  checkpoints_.erase(device);
}

void SampleBatch::clear() {
  copy_.clear();
  if (copy_.capacity() > kUsualBytes) copy_.shrink_to_fit();
  is_closed_ = false;
  rows_ = 0;
  devices_.clear();
  checkpoints_.clear();
  days_.clear();
}

void SampleBatch::send_ends(Connection& connection) const {
  if (!devices_.empty()) send_progress(connection);
  if (!checkpoints_.empty()) send_latest(connection);
}

void SampleBatch::send_progress(Connection& connection) const {
  std::vector<std::int64_t> keys;
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> offsets;
  std::vector<std::optional<std::string_view>> epochs;
  std::vector<std::int64_t> last_seqs;
  std::vector<std::int64_t> last_ats;
  for (const auto& [key, device] : devices_) {
    keys.push_back(key);
    firsts.push_back(device.first_offset);
    offsets.push_back(device.part->offset);
    epochs.push_back(device.block->epoch(*device.part));
    last_seqs.push_back(device.part->last_seq);
    last_ats.push_back(device.part->last_at);
  }
  connection.send(kAdvance, keys, firsts, offsets, epochs, last_seqs, last_ats);
}

void SampleBatch::send_latest(Connection& connection) const {
  std::vector<std::int64_t> keys;
  std::vector<std::optional<std::string_view>> texts;
  for (const auto& [key, text] : checkpoints_) {
    keys.push_back(key);
    texts.emplace_back(text);
  }
  connection.send(kSaveLatest, keys, texts);
}

}  // namespace fairlead::store::postgres
