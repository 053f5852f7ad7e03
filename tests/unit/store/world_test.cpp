#include "unit/store/world.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

namespace fairlead::store::test {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "fairlead-store-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Mail::deliver() {
  for (std::size_t i = 0; i < letters_->size(); ++i) {
    Letter letter = std::move((*letters_)[i]);
    letter();
  }
  letters_->clear();
}

void Mail::deliver_one() {
  REQUIRE(!letters_->empty());
  Letter letter = std::move(letters_->front());
  letters_->erase(letters_->begin());
  letter();
}

void SqliteWorld::close() {
  writer_.reset();
  reads_.reset();
  reader_.reset();
  backend_.reset();
}

void SqliteWorld::open() {
  auto backend = sqlite::Backend::open(file(), true, clock, limits_);
  REQUIRE_MESSAGE(backend, backend.error().message);
  backend_ = std::move(*backend);
  auto reader = sqlite::Reader::open(file(), backend_->segments());
  REQUIRE_MESSAGE(reader, reader.error().message);
  reader_ = std::move(*reader);
  reads_ = std::make_unique<ReadQueue>(16);
  writer_ = std::make_unique<Writer>(*backend_, WriterLimits{});
}

void SegmentedWorld::open_sealer() {
  auto sealer = sqlite::Sealer::open(
      file(), backend_->segments(), clock, limits_, retention, [this](sqlite::Chore chore) {
        return perform ? perform(std::move(chore)) : backend_->perform(chore);
      });
  REQUIRE_MESSAGE(sealer, sealer.error().message);
  sealer_ = std::move(*sealer);
}

void SegmentedWorld::close_all() {
  sealer_.reset();
  close();
}

bool SegmentedWorld::table_exists(std::int64_t segment) const {
  const auto database = sqlite::Database::open(file().string(), sqlite::Access::kReader);
  REQUIRE(database);
  sqlite::Statement tables(**database, "SELECT 1 FROM sqlite_schema WHERE name = ?1");
  return *tables.query(sqlite::OpenSegment::table_name(segment)).next();
}

void SegmentedWorld::reopen() {
  close_all();
  open();
  open_sealer();
}

Result<bool> SegmentedWorld::step_sealer() {
  Result<bool> did = sealer_->step();
  backend_->maintain();
  return did;
}

bool SegmentedWorld::step_writer() {
  bool did = writer_->step();
  while (seals_by_itself) {
    const Result<bool> sealed = step_sealer();
    REQUIRE_MESSAGE(sealed, sealed.error().message);
    if (!*sealed) return did;
    did = true;
  }
  return did;
}

devices::Device a_device(protocol::DeviceKey key, std::string id) {
  devices::Device device;
  device.key = key;
  device.tenant = "default";
  device.id = id.empty() ? fmt::format("device-{}", key) : std::move(id);
  device.created_at = 1;
  device.updated_at = 2;
  return device;
}

telemetry::Sample a_sample(std::int64_t offset, std::int64_t ts) {
  telemetry::Sample sample;
  sample.offset = offset;
  sample.ts = ts == 0 ? 1000 * offset : ts;
  sample.at = 1000 * offset + 1;
  sample.seq = offset;
  sample.metrics = fmt::format(R"({{"temperature":{}}})", offset);
  return sample;
}

Batch a_batch(protocol::DeviceKey device, std::int64_t first, std::int64_t last) {
  Batch batch;
  batch.device = device;
  for (std::int64_t offset = first; offset <= last; ++offset) {
    batch.samples.push_back(a_sample(offset));
  }
  batch.after.offset = last;
  batch.after.epoch = "b1";
  batch.after.last_seq = last;
  batch.after.last_at = 1000 * last + 1;
  return batch;
}

std::shared_ptr<const telemetry::SampleBlock> block_of(const Batch& batch) {
  auto block = std::make_shared<telemetry::SampleBlock>();
  block->begin_part(batch.device);
  for (const telemetry::Sample& sample : batch.samples) block->add(telemetry::view(sample));
  block->end_part(batch.after);
  if (batch.latest_checkpoint) {
    block->add_checkpoint(batch.device,
                          [&batch](std::string& out) { out += *batch.latest_checkpoint; });
  }
  return block;
}

std::shared_ptr<const telemetry::SampleBlock> a_block(protocol::DeviceKey device,
                                                      std::int64_t first, std::int64_t last) {
  return block_of(a_batch(device, first, last));
}

commands::Command a_command(std::string id, protocol::DeviceKey device, std::int64_t issued_at) {
  commands::Command command;
  command.id = std::move(id);
  command.device_key = device;
  command.tenant = "default";
  command.device = fmt::format("device-{}", device);
  command.name = "set_target";
  command.issued_by = "app";
  command.issued_at = issued_at;
  command.expires_at = issued_at + 10'000;
  command.history = {{commands::State::kPending, issued_at}};
  return command;
}

hub::ConnectionLog a_log(std::string connection, std::string subject) {
  hub::ConnectionLog log;
  log.connection = std::move(connection);
  log.tenant = "default";
  log.kind = "device";
  log.subject = std::move(subject);
  log.remote = "127.0.0.1:4711";
  log.connected_at = 1000;
  return log;
}

std::vector<std::int64_t> offsets_of(const telemetry::Page& page) {
  std::vector<std::int64_t> offsets;
  offsets.reserve(page.samples.size());
  for (const telemetry::Sample& sample : page.samples) offsets.push_back(sample.offset);
  return offsets;
}

}  // namespace fairlead::store::test
