#pragma once

#include <string>
#include <vector>

namespace fairlead::app::transfer {

/// Which hub, and who one is there.
struct HubOptions {
  /// --url: the hub, such as http://127.0.0.1:8080 or https://…
  std::string url;
  /// --ca: PEM file with roots that an https hub's certificate is checked against, beside the
  /// system's
  std::string ca;
  /// --token-file: a client's token, alone in a file
  std::string token_file;
  /// --jwt-secret-file: the hub's secret, to mint one from
  std::string jwt_secret_file;
  /// --tenant: of a minted token
  std::string tenant = "default";
};

struct ExportOptions {
  HubOptions hub;
  /// --devices: ids, or prefixes that end in `*`; none: all
  std::vector<std::string> devices;
  /// --from, --to: of `ts`, inclusive and exclusive: ms since the epoch or ISO 8601
  std::string from;
  std::string to;
  /// --metrics: those only
  std::vector<std::string> metrics;
  /// --format: ndjson or csv
  std::string format = "ndjson";
  /// --out: the file to write; without it stdout
  std::string out;
};

struct ImportOptions {
  HubOptions hub;
  /// The file to read; `-` is stdin
  std::string file;
  /// --format: ndjson or csv; without it the file's name tells
  std::string format;
  /// --device: whose samples they are, where the file does not say
  std::string device;
  /// --epoch: what `seq` counts in; without it a name that is made of the file's beginning
  std::string epoch;
};

}  // namespace fairlead::app::transfer
