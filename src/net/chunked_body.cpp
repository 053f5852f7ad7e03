#include "net/chunked_body.h"

#include <algorithm>

#include "net/tokens.h"

namespace fairlead::net {
namespace {

/// -1: no hexadecimal digit.
int digit_of(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  const char lower = static_cast<char>(character | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(char octet) {
  return (octet >= 0 && octet < ' ' && octet != '\t') || octet == 0x7F;
}

}  // namespace

ChunkedBody::State ChunkedBody::in_text(State same, State end, char octet) const {
  if (octet == '\r') return end;
  return is_control(octet) || line_bytes_ > kMaxLineBytes ? State::kBad : same;
}

ChunkedBody::State ChunkedBody::after_size(char octet) {
  if (const int digit = digit_of(octet); digit >= 0) {
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return ++digits_ <= kMaxDigits ? State::kSize : State::kBad;
  }
  if (digits_ == 0) return State::kBad;
  if (octet == '\r') return State::kSizeEnd;
  // RFC 9112, 7.1.1 lets spaces stand before the semicolon; nobody sends them.
  return octet == ';' ? State::kExtension : State::kBad;
}

ChunkedBody::State ChunkedBody::end_size() {
  const std::uint64_t free_bytes = kFreeLineBytes + std::min<std::uint64_t>(left_, line_bytes_);
  if (line_bytes_ > free_bytes) excess_bytes_ += line_bytes_ - free_bytes;
  if (excess_bytes_ > kMaxExcessBytes) return State::kBad;
  line_bytes_ = 0;
  return left_ > 0 ? State::kData : State::kTrailerBegin;
}

ChunkedBody::State ChunkedBody::in_trailer_name(char octet) const {
  if (line_bytes_ > kMaxLineBytes) return State::kBad;
  if (octet == ':') return State::kTrailer;
  return is_token_character(octet) ? State::kTrailerName : State::kBad;
}

void ChunkedBody::step(char octet) {
  ++line_bytes_;
  const auto expect = [octet](char wanted, State next) {
    return octet == wanted ? next : State::kBad;
  };
  switch (state_) {
    case State::kSize:
      state_ = after_size(octet);
      break;
    case State::kExtension:
      state_ = in_text(State::kExtension, State::kSizeEnd, octet);
      break;
    case State::kSizeEnd:
      state_ = octet == '\n' ? end_size() : State::kBad;
      break;
    case State::kDataCr:
      state_ = expect('\r', State::kDataLf);
      break;
    case State::kDataLf:
      state_ = expect('\n', State::kSize);
      digits_ = 0;
      line_bytes_ = 0;
      break;
    case State::kTrailerBegin:
      // Anything but a name, such as a space, would fold the line before (RFC 9112, 5.2).
      state_ = octet == '\r' ? State::kEnd : in_trailer_name(octet);
      if (octet == ':') state_ = State::kBad;
      break;
    case State::kTrailerName:
      state_ = in_trailer_name(octet);
      break;
    case State::kTrailer:
      state_ = in_text(State::kTrailer, State::kTrailerEnd, octet);
      break;
    case State::kTrailerEnd:
      state_ = expect('\n', State::kTrailerBegin);
      break;
    case State::kEnd:
      state_ = expect('\n', State::kWhole);
      break;
    case State::kData:
    case State::kWhole:
    case State::kBad:
      break;
  }
}

ChunkedBody::Outcome ChunkedBody::take(std::string_view& input, std::size_t max_bytes,
                                       std::string& body) {
  while (state_ != State::kWhole && state_ != State::kBad && !input.empty()) {
    if (state_ != State::kData) {
      step(input.front());
      input.remove_prefix(1);
      continue;
    }
    if (left_ > max_bytes - body.size()) return Outcome::kTooBig;
    const std::size_t length = std::min<std::uint64_t>(left_, input.size());
    body.append(input.substr(0, length));
    input.remove_prefix(length);
    left_ -= length;
    if (left_ == 0) state_ = State::kDataCr;
  }
  if (state_ == State::kBad) return Outcome::kBad;
  return state_ == State::kWhole ? Outcome::kWhole : Outcome::kNeedMore;
}

}  // namespace fairlead::net
