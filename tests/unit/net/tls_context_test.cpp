#include "net/tls_context.h"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <ctime>
#include <string>

#include "support/certificates.h"
#include "support/temp_dir.h"

using namespace fairlead::net;
using fairlead::support::Authority;
using fairlead::support::Identity;
using fairlead::support::TempDir;

namespace {

struct Files {
  TempDir dir;
  Authority authority;
  Identity identity = authority.issue();
  TlsFiles files{.certificate = dir.write("cert.pem", identity.certificate),
                 .key = dir.write("key.pem", identity.key),
                 .client_ca = ""};

  std::string error() const {
    const auto context = TlsContext::for_server(files, std::time(nullptr) * 1000LL);
    return context ? "" : context.error().message;
  }
};

}  // namespace

TEST_CASE("a certificate, its chain and its key make a context") {
  Files world;
  CHECK(world.error().empty());
  world.dir.write("cert.pem", world.identity.certificate + world.authority.certificate());
  CHECK(world.error().empty());
  world.dir.write("cert.pem", "a comment\n" + world.identity.certificate);
  CHECK(world.error().empty());
}

TEST_CASE("what is wrong with a certificate's file is said with its name") {
  Files world;
  const std::string name = "http.tls_cert " + world.files.certificate + ": ";
  world.dir.write("cert.pem", "");
  CHECK(world.error() == name + "no PEM certificate in it");
  world.dir.write("cert.pem", world.identity.key);
  CHECK(world.error() == name + "no PEM certificate in it");
  world.dir.write("cert.pem", world.identity.certificate.substr(0, 200));
  CHECK(world.error().starts_with(name + "bad PEM: "));
  world.dir.write("cert.pem", world.authority.issue({.valid_until_s = -60}).certificate);
  CHECK(world.error().starts_with(name + "has expired on "));
  world.dir.write("cert.pem", world.authority.issue({.valid_from_s = 600}).certificate);
  CHECK(world.error().starts_with(name + "is valid from "));
  world.files.certificate = world.dir.path() / "missing";
  CHECK(world.error() ==
        "http.tls_cert " + world.files.certificate + ": No such file or directory");
}

TEST_CASE("what is wrong with a key's file is said with its name") {
  Files world;
  const std::string name = "http.tls_key " + world.files.key + ": ";
  for (const unsigned mode : {0644U, 0640U, 0604U, 0660U}) {
    CAPTURE(mode);
    world.dir.write("key.pem", world.identity.key, mode);
    CHECK(
        world.error().ends_with("lets others than its owner in; do: chmod 600 " + world.files.key));
  }
  world.dir.write("key.pem", "");
  CHECK(world.error() == name + "no PEM private key in it");
  world.dir.write("key.pem", world.authority.issue().key);
  CHECK(world.error() == name + "is not the key of the certificate in " + world.files.certificate);
  world.dir.write("key.pem", world.authority.issue({.with_rsa_key = true}).key);
  CHECK(world.error() == name + "is not the key of the certificate in " + world.files.certificate);
  world.dir.write("key.pem", world.identity.key.substr(0, 100));
  CHECK(world.error().starts_with(name + "bad private key: "));
  world.files.key = world.dir.path() / "missing";
  CHECK(world.error() == "http.tls_key " + world.files.key + ": No such file or directory");
  world.files.key = world.dir.path();
  CHECK(world.error() == "http.tls_key " + world.files.key + ": not a regular file");
}

TEST_CASE("an encrypted key is refused and nobody is asked for a password") {
  Files world;
  BIO* in = BIO_new_mem_buf(world.identity.key.data(), static_cast<int>(world.identity.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* out = BIO_new(BIO_s_mem());
  std::string password = "secret";
  PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), password.data(),
                                static_cast<int>(password.size()), nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  world.dir.write("key.pem", {data, static_cast<std::size_t>(size)});
  CHECK(world.error() ==
        "http.tls_key " + world.files.key + ": is encrypted; the hub takes keys in clear");
  BIO_free(in);
  BIO_free(out);
  EVP_PKEY_free(key);
}

TEST_CASE("roots for clients have to be certificates") {
  Files world;
  world.files.client_ca = world.dir.write("clients.pem", "nothing");
  CHECK(world.error() ==
        "http.tls_client_ca " + world.files.client_ca + ": no PEM certificate in it");
  world.dir.write("clients.pem", world.authority.certificate());
  CHECK(world.error().empty());
}
