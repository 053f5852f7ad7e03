// `fairlead export` and `fairlead import`, between real hubs.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "support/deadline.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

std::string url_of(const HubProcess& hub) { return fmt::format("http://127.0.0.1:{}", hub.port()); }

std::vector<std::string> transfer(const HubProcess& hub, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1,
                   {"--url", url_of(hub), "--jwt-secret-file", hub.secret_file().string()});
  return arguments;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// An export's lines without the times of arrival, which an import makes anew.
std::vector<std::string> exported(const HubProcess& hub, std::vector<std::string> more = {}) {
  more.insert(more.begin(), "export");
  const Finished done = run_fairlead(transfer(hub, more));
  REQUIRE_MESSAGE(done.code == 0, done.err);
  std::vector<std::string> lines = lines_of(done.out);
  for (std::string& line : lines) {
    const std::size_t at = line.find(R"("at":)");
    if (at != std::string::npos) line.erase(at, line.find(',', at) + 1 - at);
  }
  return lines;
}

void import_from(const HubProcess& hub, const std::filesystem::path& file,
                 std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"import", file.string()});
  const Finished done = run_fairlead(transfer(hub, more));
  REQUIRE_MESSAGE(done.code == 0, done.err);
}

/// A device with `count` samples, every seventh of them late, in every kind of value.
void fill(const HubProcess& hub, const std::string& id, int count) {
  WsClient device = hub.device(id);
  device.ack(obj("type", "device.register", "name", "Boiler \"north\"", "capabilities",
                 obj("metrics", obj("t", obj("type", "number")))));
  for (int n = 1; n <= count; n += 50) {
    std::string samples;
    for (int i = n; i < n + 50 && i <= count; ++i) {
      samples += fmt::format(
          R"({}{{"ts":{},"seq":{},"metrics":{{"e":1e{},"on":{},"t":{}.50,"text":"a \"{}\", é\n"}}}})",
          i == n ? "" : ",", 1000 * (i % 7 == 0 ? i / 2 : i), i, i % 9, i % 2 == 0, i, i);
    }
    device.send_text(R"({"type":"telemetry.batch","id":1,"epoch":"e","samples":[)" + samples +
                     "]}");
    device.expect("ack");
  }
  device.close();
  REQUIRE(eventually([&] {
    return hub.http().get("/v1/devices/" + path_segment(id)).json()["connected"] == false;
  }));
}

/// Lines of samples of one device, `first` to `last`.
std::string sample_lines(std::string_view device, int first, int last) {
  std::string text;
  for (int n = first; n <= last; ++n) {
    text += fmt::format("{{\"device\":\"{}\",\"ts\":{},\"metrics\":{{\"n\":{}}}}}\n", device,
                        1000 * n, n);
  }
  return text;
}

/// That the device has 1 to `last`, each once, in its place.
void check_numbers(const HttpClient& http, const std::string& device, int last) {
  const Json::Array rows = http.list("/v1/devices/" + device + "/telemetry");
  REQUIRE(rows.size() == static_cast<std::size_t>(last));
  for (int n = 1; n <= last; ++n) {
    REQUIRE(rows[static_cast<std::size_t>(n) - 1]["metrics"]["n"] == n);
    REQUIRE(rows[static_cast<std::size_t>(n) - 1]["offset"] == n);
  }
}

/// A pipe with a name, which an import reads while the test decides how far it gets.
class NamedPipe {
 public:
  explicit NamedPipe(const std::filesystem::path& path) : path_(path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    // A reader that is gone is an error of the write.
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~NamedPipe() { close(); }
  NamedPipe(const NamedPipe&) = delete;
  NamedPipe& operator=(const NamedPipe&) = delete;

  /// Waits for the reader at the first time.
  void write(std::string_view text) {
    if (file_ < 0) file_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(file_ >= 0);
    while (!text.empty()) {
      const ssize_t written = ::write(file_, text.data(), text.size());
      REQUIRE(written > 0);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

 private:
  const std::filesystem::path path_;
  int file_ = -1;
};

std::int64_t offset_of(const HubProcess& hub, const std::string& device) {
  return hub.http().get("/v1/devices/" + device).json()["offset"].as_int();
}

}  // namespace

TEST_CASE("what is exported and imported into another hub is exported from there alike") {
  const HubProcess hub({.settings = {"store.segment_rows=500"}});
  fill(hub, "hall/boiler:7", 2300);
  fill(hub, "pump", 30);
  REQUIRE(hub.http().put("/v1/devices/idle", obj("device_type", "x", "disabled", true)).status ==
          201);
  const TempDir dir;
  for (const std::string format : {"ndjson", "csv"}) {
    CAPTURE(format);
    const auto file = dir.path() / ("all." + format);
    const Finished made =
        run_fairlead(transfer(hub, {"export", "--format", format, "--out", file.string()}));
    REQUIRE_MESSAGE(made.code == 0, made.err);
    CHECK(made.err.find("2330 samples of 3 devices") != std::string::npos);
    CHECK(made.out.empty());

    const HubProcess other;
    import_from(other, file);
    // Late samples stand by time in the file, so their offsets are others.
    const auto metrics = [&](const HubProcess& from) {
      std::vector<std::string> rows = exported(from);
      for (std::string& row : rows) {
        const std::size_t at = row.find(R"("offset":)");
        if (at != std::string::npos) row.erase(at, row.find(',', at) + 1 - at);
        if (format == "csv" && row.find(R"("entry")") != std::string::npos) row.clear();
      }
      std::erase(rows, "");
      return rows;
    };
    CHECK(metrics(other) == metrics(hub));
    if (format == "ndjson") {
      CHECK(other.http().get("/v1/devices/idle").json()["disabled"] == true);
    }
    // Again: nothing changes.
    import_from(other, file);
    CHECK(metrics(other) == metrics(hub));
  }
  // Numbers are the text that the device sent.
  const auto lines = exported(hub, {"--devices", "pump", "--metrics", "t,e", "--from", "30000"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[1] == R"({"device":"pump","offset":30,"ts":30000,"metrics":{"e":1e3,"t":30.50}})");
}

TEST_CASE("an import that is killed in the middle goes on where it stopped") {
  const HubProcess hub;
  const TempDir dir;
  const auto file = dir.write("whole.ndjson", sample_lines("meter", 1, 9000));
  NamedPipe pipe(dir.path() / "pipe");
  {
    Process import(fairlead_binary(), transfer(hub, {"import", (dir.path() / "pipe").string()}));
    pipe.write(sample_lines("meter", 1, 6000));
    REQUIRE(eventually([&] { return offset_of(hub, "meter") >= 3000; }));
    import.signal(SIGKILL);
    import.wait();
  }
  const Finished rest = run_fairlead(transfer(hub, {"import", file.string()}));
  REQUIRE_MESSAGE(rest.code == 0, rest.err);
  CHECK(rest.err.find(" 0 were there already") == std::string::npos);
  check_numbers(hub.http(), "meter", 9000);
}

TEST_CASE("an import outlives a hub that is killed and comes back") {
  HubProcess hub;
  const TempDir dir;
  NamedPipe pipe(dir.path() / "pipe");
  Process import(fairlead_binary(), transfer(hub, {"import", (dir.path() / "pipe").string()}));
  pipe.write(sample_lines("meter", 1, 6000));
  REQUIRE(eventually([&] { return offset_of(hub, "meter") >= 1000; }));
  auto arguments = hub.arguments();
  std::ranges::replace(arguments, std::string("127.0.0.1:0"),
                       fmt::format("127.0.0.1:{}", hub.port()));
  hub.kill();
  const Process back(fairlead_binary(), arguments);
  pipe.write(sample_lines("meter", 6001, 9000));
  pipe.close();
  CHECK_MESSAGE(import.wait(Deadline{kStartPatience}) == 0, import.errors());
  check_numbers(hub.http(), "meter", 9000);
}

TEST_CASE("an import says where a line is wrong, and keeps what came before it") {
  const HubProcess hub;
  const TempDir dir;
  const auto refusal = [&](const std::string& name, const std::string& text,
                           std::vector<std::string> more = {}) {
    const auto file = dir.write(name, text);
    more.insert(more.begin(), {"import", file.string()});
    const Finished done = run_fairlead(transfer(hub, more));
    CHECK(done.code == 1);
    return done.err;
  };
  const auto says = [](const std::string& text, std::string_view part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  says(refusal("a.ndjson", sample_lines("one", 1, 3) + "{\"device\":\"one\",\"ts\":1}\n"),
       "a.ndjson, line 4: metrics: must be an object");
  check_numbers(hub.http(), "one", 3);
  says(refusal("b.ndjson", "{\"ts\":1,\"metrics\":{\"n\":1}}\n"), "line 1: device: must be");
  says(refusal("c.csv", "device,time,n\nx,1,2\n"), "there is no column ts");
  says(refusal("d.csv", "device,ts,n\nx,1\n"), "line 2: has 2 cells, not 3");
  says(refusal("e.csv", "device,ts,n\nx,yesterday,1\n"), "line 2: ts: must be ms");
  says(refusal("f.csv", "ts,n\n1,1\n"), "name the device with --device");
  REQUIRE(
      hub.http()
          .put("/v1/devices/strict",
               obj("capabilities", obj("metrics", obj("n", obj("type", "number", "maximum", 2)))))
          .status == 201);
  says(refusal("g.ndjson", sample_lines("strict", 1, 5)),
       "g.ndjson, line 3: device strict: the hub answered 400: samples[2].metrics.n");
  const WsClient live = hub.device("live");
  says(refusal("h.ndjson", sample_lines("live", 1, 1)), "device live: is connected");
  // Texts stand in quotes; what is not in quotes is what it looks like.
  import_from(hub, dir.write("i.csv", "ts,a,b,c\n2026-01-01T00:00:00Z,1.50,\"1.50\",\n5,,,true\n"),
              {"--device", "sheet"});
  const Json rows = hub.http().get("/v1/devices/sheet/telemetry").json()["items"];
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["metrics"] == obj("c", true));
  CHECK(rows[1]["ts"] == 1'767'225'600'000);
  CHECK(rows[1]["metrics"] == obj("a", 1.5, "b", "1.50"));
}

TEST_CASE("a transfer needs a hub that can be trusted and a token that may") {
  const HubProcess hub({.with_tls = true});
  fill(hub, "pump", 5);
  const TempDir dir;
  const auto roots = dir.write("roots.pem", hub.tls()->roots);
  const std::string url = fmt::format("https://127.0.0.1:{}", hub.port());
  const auto token = dir.write("token", hub.sign(Token::client("reader").scope("device:read")));
  const auto good = run_fairlead({"export", "--url", url, "--jwt-secret-file",
                                  hub.secret_file().string(), "--ca", roots.string()});
  CHECK_MESSAGE(good.code == 0, good.err);
  CHECK(lines_of(good.out).size() == 6);
  const auto unscoped = run_fairlead(
      {"export", "--url", url, "--token-file", token.string(), "--ca", roots.string()});
  CHECK(unscoped.code == 1);
  CHECK(unscoped.err.find("the hub answered 403") != std::string::npos);
  const auto distrusted =
      run_fairlead({"export", "--url", url, "--jwt-secret-file", hub.secret_file().string()});
  CHECK(distrusted.code == 1);
  CHECK(distrusted.err.find("TLS handshake") != std::string::npos);
  const auto both = run_fairlead({"export", "--url", url});
  CHECK(both.code == 1);
  CHECK(both.err.find("either --token-file or --jwt-secret-file") != std::string::npos);
}
