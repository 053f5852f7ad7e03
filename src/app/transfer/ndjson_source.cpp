#include <utility>

#include "app/transfer/row_source.h"
#include "protocol/json_reader.h"
#include "protocol/names.h"

namespace fairlead::app::transfer {
namespace {

class NdjsonSource final : public RowSource {
 public:
  NdjsonSource(Input& input, std::string device) : input_(input), device_(std::move(device)) {}

  Result<bool> next(Row& row) override {
    do {
      row.line = input_.line();
      if (!input_.take_line(line_)) {
        if (auto good = input_.problem(); !good) return std::unexpected(good.error());
        return false;
      }
    } while (line_.find_first_not_of(" \t") == std::string::npos);
    if (line_.size() >= Input::kMaxRecordBytes) return bad(row, "is longer than 16 MiB");
    if (auto read = reader_.read_copy(line_); !read) return bad(row, read.error().message);
    return take(row);
  }

 private:
  Result<bool> take(Row& row) {
    using protocol::NodeKind;
    const protocol::Document& document = reader_.document();
    const protocol::Node& root = document.root();
    if (root.kind != NodeKind::kObject) return bad(row, "is no object");
    const protocol::Node* const device = document.find(root, "device");
    row.device = device != nullptr ? std::string(device->text) : device_;
    if (!protocol::is_device_id(row.device)) return bad(row, "device: must be a device's id");
    const protocol::Node* const entry = document.find(root, "entry");
    row.entry.clear();
    if (entry != nullptr) {
      if (entry->kind != NodeKind::kObject) return bad(row, "entry: must be an object");
      row.entry = entry->text;
      return true;
    }
    const protocol::Node* const ts = document.find(root, "ts");
    if (ts == nullptr || !ts->is_integer) return bad(row, "ts: must be an integer, in ms");
    row.ts = ts->integer;
    const protocol::Node* const metrics = document.find(root, "metrics");
    if (metrics == nullptr || metrics->kind != NodeKind::kObject) {
      return bad(row, "metrics: must be an object");
    }
    row.metrics = metrics->text;
    return true;
  }

  std::unexpected<Error> bad(const Row& row, std::string_view problem) const {
    return fail(Code::kInvalid, "{}, line {}: {}", input_.name(), row.line, problem);
  }

  Input& input_;
  const std::string device_;
  std::string line_;
  protocol::JsonReader reader_;
};

}  // namespace

std::unique_ptr<RowSource> ndjson_source(Input& input, std::string device) {
  return std::make_unique<NdjsonSource>(input, std::move(device));
}

}  // namespace fairlead::app::transfer
