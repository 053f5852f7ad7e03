#include "app/transfer/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace fairlead::app::transfer {
namespace {

/// What a fingerprint is made of; read whole before anything is taken.
constexpr std::size_t kHeadBytes = std::size_t{64} << 10;

}  // namespace

Result<Input> Input::open(const std::string& path) {
  const bool is_stdin = path == "-";
  const int file = is_stdin ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string name = is_stdin ? "stdin" : path;
  if (file < 0) {
    return fail(Code::kInvalid, "{}: {}", name, std::generic_category().message(errno));
  }
  Input input(name, file);
  struct stat found{};
  if (::fstat(file, &found) == 0 && S_ISREG(found.st_mode)) {
    input.size_ = static_cast<std::uint64_t>(found.st_size);
  }
  input.fill();
  if (auto good = input.problem(); !good) return std::unexpected(std::move(good.error()));
  return input;
}

Input::Input(std::string name, int file)
    : name_(std::move(name)), file_(file), buffer_(kHeadBytes, '\0') {}

Input::Input(Input&& other) noexcept
    : name_(other.name_),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)),
      filled_(other.filled_),
      at_(other.at_),
      before_(other.before_),
      line_(other.line_),
      error_(other.error_) {}

Input::~Input() {
  if (file_ >= 0) ::close(file_);
}

/// A pipe gives what it has; the buffer is filled to its end all the same.
bool Input::fill() {
  before_ += filled_;
  filled_ = at_ = 0;
  while (filled_ < buffer_.size() && error_ == 0) {
    const ssize_t got = ::read(file_, buffer_.data() + filled_, buffer_.size() - filled_);
    if (got == 0) break;
    if (got > 0) filled_ += static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) error_ = errno;
  }
  return filled_ > 0;
}

std::string Input::fingerprint() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(buffer_.data(), filled_, digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return {};
  }
  std::string text;
  for (unsigned i = 0; i < 8; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

int Input::take() {
  const int byte = peek();
  if (byte == kEnd) return kEnd;
  ++at_;
  if (byte == '\n') ++line_;
  return byte;
}

bool Input::take_line(std::string& line) {
  line.clear();
  if (peek() == kEnd) return false;
  while (peek() != kEnd && line.size() < kMaxRecordBytes) {
    const std::string_view rest(buffer_.data() + at_, filled_ - at_);
    const std::size_t end = rest.find('\n');
    line.append(rest.substr(0, end));
    at_ += std::min(end, rest.size());
    if (end == std::string_view::npos) continue;
    ++at_;
    ++line_;
    break;
  }
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

Result<void> Input::problem() const {
  if (error_ == 0) return {};
  return fail(Code::kInternal, "{}: {}", name_, std::generic_category().message(error_));
}

}  // namespace fairlead::app::transfer
