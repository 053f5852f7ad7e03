#include "auth/keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "auth/secret_file.h"
#include "signing.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

namespace fs = std::filesystem;

/// A file that goes away with the test.
class SecretFile {
 public:
  explicit SecretFile(std::string_view content, fs::perms mode = fs::perms::owner_read) {
    std::string pattern = (fs::temp_directory_path() / "fairlead-secret-XXXXXX").string();
    const int descriptor = ::mkstemp(pattern.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    path_ = pattern;
    std::ofstream(path_, std::ios::binary) << content;
    fs::permissions(path_, mode);
  }
  ~SecretFile() { fs::remove(path_); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string refusal(const fs::path& path) {
  const auto secret = read_secret_file(path);
  REQUIRE_FALSE(secret);
  CHECK(secret.error().message.find(path.string()) != std::string::npos);
  return secret.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a secret file is read without one trailing newline, as a key for HS256") {
  const SecretFile file(std::string(kSecret) + "\n");
  CHECK(read_secret_file(file.path()) == std::string(kSecret));
  const auto key = key_from_secret_file(file.path());
  REQUIRE(key);
  CHECK(key->algorithm() == Algorithm::kHs256);
  CHECK(key->secret() == kSecret);
  CHECK_FALSE(key->kid());
  const SecretFile two(std::string(kSecret) + "\n\n");
  CHECK(read_secret_file(two.path()) == std::string(kSecret) + "\n");
}

TEST_CASE("a secret may hold any bytes") {
  const std::string bytes = std::string(16, '\0') + std::string(16, '\xff');
  const SecretFile file(bytes);
  CHECK(read_secret_file(file.path()) == bytes);
}

TEST_CASE("a secret of under 32 bytes is refused, naming file and rule") {
  const SecretFile file(std::string(31, 's') + "\n");
  CHECK(contains(refusal(file.path()), "31 bytes, it needs 32"));
  const SecretFile empty("");
  CHECK(contains(refusal(empty.path()), "0 bytes, it needs 32"));
}

TEST_CASE("a secret of over 4096 bytes is refused") {
  CHECK(read_secret_file(SecretFile(std::string(4096, 's') + "\n").path()));
  const SecretFile file(std::string(5000, 's'));
  CHECK(contains(refusal(file.path()), "over 4096 bytes"));
}

TEST_CASE("a secret file that is missing, or a directory, is refused") {
  CHECK(contains(refusal("/nonexistent/secret"), "No such file"));
  CHECK(contains(refusal(fs::temp_directory_path()), "not a regular file"));
}

TEST_CASE("a secret file that others can open is refused, whichever way") {
  for (const auto mode : {fs::perms::group_read, fs::perms::others_read, fs::perms::group_write,
                          fs::perms::others_write}) {
    const SecretFile file(kSecret, fs::perms::owner_read | fs::perms::owner_write | mode);
    const std::string message = refusal(file.path());
    CHECK(contains(message, "chmod 600"));
    CHECK_FALSE(contains(message, kSecret));
  }
}

TEST_CASE("a PEM key is bound to its type's usual algorithm") {
  CHECK(Key::from_pem(to_pem(new_rsa_key()))->algorithm() == Algorithm::kRs256);
  CHECK(Key::from_pem(to_pem(new_ec_key("P-256")))->algorithm() == Algorithm::kEs256);
  CHECK(Key::from_pem(to_pem(new_ec_key("P-384")))->algorithm() == Algorithm::kEs384);
  CHECK(Key::from_pem(to_pem(new_ed25519_key()))->algorithm() == Algorithm::kEdDsa);
}

TEST_CASE("a PEM key can be bound to another algorithm of its type only") {
  const std::string rsa = to_pem(new_rsa_key());
  CHECK(Key::from_pem(rsa, Algorithm::kPs256)->algorithm() == Algorithm::kPs256);
  CHECK_FALSE(Key::from_pem(rsa, Algorithm::kEs256));
  CHECK_FALSE(Key::from_pem(rsa, Algorithm::kHs256));
  CHECK_FALSE(Key::from_pem(to_pem(new_ec_key("P-256")), Algorithm::kEs384));
}

TEST_CASE("PEM text that is no public key we take is refused") {
  CHECK_FALSE(Key::from_pem(""));
  CHECK_FALSE(Key::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  CHECK_FALSE(Key::from_pem(std::string(100'000, 'x')));
  CHECK_FALSE(Key::from_pem(to_pem(new_ec_key("P-521"))));
  CHECK(contains(Key::from_pem(to_pem(new_rsa_key(1024))).error().message, "1024 bits"));
}

TEST_CASE("an HMAC secret is at least as long as its hash") {
  const std::string bytes(64, 'k');
  CHECK(Key::from_secret(Algorithm::kHs512, bytes));
  CHECK_FALSE(Key::from_secret(Algorithm::kHs512, bytes.substr(1)));
  CHECK(Key::from_secret(Algorithm::kHs384, bytes.substr(16)));
  CHECK_FALSE(Key::from_secret(Algorithm::kHs384, bytes.substr(17)));
  CHECK_FALSE(Key::from_secret(Algorithm::kHs256, bytes.substr(33)));
  CHECK_FALSE(Key::from_secret(Algorithm::kRs256, bytes));
}
