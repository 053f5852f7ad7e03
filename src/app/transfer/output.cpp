#include "app/transfer/output.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace fairlead::app::transfer {
namespace {

std::unexpected<Error> failed(const std::string& name, int error) {
  return fail(Code::kInternal, "{}: {}", name, std::generic_category().message(error));
}

}  // namespace

Result<Output> Output::open(const std::string& path) {
  if (path.empty()) return Output(path, stdout);
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return fail(Code::kConflict, "{}: is there already; name another file", path);
  }
  Output output(path, nullptr);
  output.file_.reset(std::fopen(output.unfinished().c_str(), "wbe"));
  if (output.file_ == nullptr) return failed(output.unfinished(), errno);
  return output;
}

Result<void> Output::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) {
    return failed(name(), errno);
  }
  bytes_ += text.size();
  return {};
}

Result<void> Output::finish() {
  if (std::fflush(file_.get()) != 0) return failed(name(), errno);
  if (path_.empty()) return {};
  if (::fsync(::fileno(file_.get())) != 0) return failed(name(), errno);
  file_.reset();
  std::error_code error;
  std::filesystem::rename(unfinished(), path_, error);
  if (error) return fail(Code::kInternal, "{}: {}", path_, error.message());
  return {};
}

}  // namespace fairlead::app::transfer
