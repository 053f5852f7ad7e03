#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/child.h"
#include "bench/profile.h"

namespace fairlead::bench {

/// What the person at the command line chose.
struct Choices {
  std::string hub_binary;
  /// Where the floors and fairlead-echo are.
  std::string floor_directory;
  /// bench/compare/ of the source.
  std::string compare_directory;
  /// On a real disk: an fsync to a tmpfs costs nothing and says nothing.
  std::string data_directory;
  int runs = 5;
  /// Of each measured window.
  double seconds = 3;
  bool is_quick = false;
  /// Of the hub's first window.
  bool wants_profile = false;
  std::vector<std::string> rows;
  std::int64_t history_rows = 0;
  /// Where every run's figures go.
  std::string json_file;
};

/// What one measurement gave: the hub's figure, and the floors' it is held against, by name.
struct Measured {
  double hub = 0;
  std::map<std::string, double> floors{};
};

/// Sets up what a measurement needs: servers on fresh data, tokens, directories that go away.
class Lab {
 public:
  static Result<std::unique_ptr<Lab>> open(const Choices& choices);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  /// A hub with an empty data directory and its limits out of the way; more `settings` as
  /// `section.key=value`.
  Result<std::unique_ptr<Child>> start_hub(const std::vector<std::string>& settings = {});
  /// The same on data that are there.
  Result<std::unique_ptr<Child>> start_hub_on(const std::string& data,
                                              const std::vector<std::string>& settings = {});
  /// The same, with a certificate made for the occasion.
  Result<std::unique_ptr<Child>> start_tls_hub();
  /// The engine alone.
  Result<std::unique_ptr<Child>> start_echo(int shards);
  /// A server of bench/compare/: the program or script, and what it is told.
  Result<std::unique_ptr<Child>> start_compared(std::vector<std::string> argv);
  Result<std::unique_ptr<Child>> start_floor(const std::string& name);
  /// What `floor-append` prints for so many samples in commits of `group`.
  struct Append {
    double cpu_us_per_sample = 0;
    double commit_us_p50 = 0;
    double commit_us_p99 = 0;
  };
  Result<Append> append(std::int64_t samples, std::int64_t group);

  /// From here on `server` is profiled, when it is a hub, that was wished for and not yet done.
  void begin_profile(const Child& server);
  void end_profile();
  /// What came of it; empty when it was not wished for.
  const std::string& profile() const { return profile_text_; }

  /// A fresh public key in a file, for tokens with ES384.
  Result<std::string> es384_key_file();
  std::string device_token(const std::string& id) const;
  std::string client_token() const;
  const std::string& secret_file() const { return secret_file_; }
  const Choices& choices() const { return choices_; }

 private:
  explicit Lab(const Choices& choices) : choices_(choices) {}
  std::string fresh_path();

  const Choices choices_;
  std::string directory_;
  std::string secret_;
  std::string secret_file_;
  int paths_given_ = 0;
  pid_t hub_ = 0;
  std::optional<Profile> profile_;
  std::string profile_text_;
};

}  // namespace fairlead::bench
