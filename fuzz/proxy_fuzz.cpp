// The header that a proxy sends first (PROXY protocol, versions 1 and 2). What must hold: no crash,
// an end within the bounds, not an octet taken behind the end, a client that is an address and a
// port, and the same outcome however the bytes are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/ip_address.h"
#include "net/proxy_header.h"

namespace {

using fairlead::net::IpAddress;
using fairlead::net::ProxyHeader;

struct Found {
  ProxyHeader::Outcome outcome = ProxyHeader::Outcome::kNeedMore;
  std::string client{};
  std::size_t taken = 0;

  bool operator==(const Found&) const = default;
};

void check_client(std::string_view client) {
  const std::size_t colon = client.rfind(':');
  FAIRLEAD_ASSERT(colon != std::string_view::npos && colon + 1 < client.size());
  std::string_view address = client.substr(0, colon);
  if (address.starts_with('[')) {
    FAIRLEAD_ASSERT(address.ends_with(']'));
    address = address.substr(1, address.size() - 2);
  }
  FAIRLEAD_ASSERT(IpAddress::parse(address).has_value());
  const std::string_view port = client.substr(colon + 1);
  FAIRLEAD_ASSERT(port.find_first_not_of("0123456789") == std::string_view::npos);
}

Found run(std::string_view bytes, std::size_t piece) {
  ProxyHeader header;
  Found found;
  while (found.outcome == ProxyHeader::Outcome::kNeedMore && found.taken < bytes.size()) {
    const std::string_view given = bytes.substr(found.taken, piece);
    std::string_view input = given;
    found.outcome = header.take(input);
    FAIRLEAD_ASSERT(given.ends_with(input));
    found.taken += given.size() - input.size();
    FAIRLEAD_ASSERT(found.outcome != ProxyHeader::Outcome::kNeedMore || input.empty());
  }
  FAIRLEAD_ASSERT(found.taken <= ProxyHeader::kMaxBinaryBytes);
  const bool is_line = bytes.starts_with('P');
  FAIRLEAD_ASSERT(!is_line || found.taken <= ProxyHeader::kMaxLineBytes);
  if (header.client()) {
    FAIRLEAD_ASSERT(found.outcome == ProxyHeader::Outcome::kWhole);
    found.client = *header.client();
    check_client(found.client);
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  // The first octet chooses the size of the pieces.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Found whole = run(bytes, std::max<std::size_t>(bytes.size(), 1));
  FAIRLEAD_ASSERT(run(bytes, 1U + data[0]) == whole);
  if (whole.outcome == ProxyHeader::Outcome::kNeedMore) return 0;
  // What follows changes nothing.
  FAIRLEAD_ASSERT(run(std::string(bytes.substr(0, whole.taken)) + "GET /", 1000) == whole);
  return 0;
}
