#include "app/command_line.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "app/config.h"
#include "app/migrate.h"
#include "app/serve.h"
#include "app/sim/options.h"
#include "app/sim/run.h"
#include "app/token.h"
#include "app/transfer/export.h"
#include "app/transfer/import.h"
#include "app/upkeep.h"
#include "embedded/version.h"

namespace fairlead::app {
namespace {

constexpr int kUsageError = 2;

constexpr const char* kAbout =
    "The hub that holds the lines between a fleet of IoT devices and the software that watches and "
    "commands it.\n\nTry it:  fairlead serve --dev --data ./data";

/// What a command was asked for; filled in by the parser.
struct Parsed {
  ConfigSources sources;
  std::string file;
  std::vector<std::string> sets;
  std::string listen;
  std::string data;
  std::string secret_file;
  bool is_dev = false;
  /// Where a backup goes.
  std::string out;
  bool is_dry_run = false;
  TokenOptions token;
  sim::Options sim;
  transfer::ExportOptions export_options;
  transfer::ImportOptions import_options;
  int exit_code = 0;
};

/// What every command takes that reads the configuration.
void add_source_options(CLI::App& command, Parsed& parsed) {
  command.add_option("--config", parsed.file, "TOML file; every key is shown by `fairlead config`");
  command.add_option("--set", parsed.sets, "one key: section.key=value; may be given many times")
      ->allow_extra_args(false);
  command.add_option("--data", parsed.data, "directory of the database (store.data)");
}

void add_config_options(CLI::App& command, Parsed& parsed) {
  add_source_options(command, parsed);
  command.add_option("--listen", parsed.listen, "address, such as 127.0.0.1:8080 (http.listen)");
  command.add_option("--jwt-secret-file", parsed.secret_file,
                     "HS256 secret, 32 bytes or more, mode 0600 (auth.jwt_secret_file)");
}

Result<Settings> settings_of(const Parsed& parsed) {
  ConfigSources sources = parsed.sources;
  if (!parsed.file.empty()) sources.file = parsed.file;
  for (const std::string& set : parsed.sets) {
    auto assignment = parse_assignment(set);
    if (!assignment) return std::unexpected(assignment.error());
    sources.assignments.push_back(std::move(*assignment));
  }
  const auto flag = [&sources](const char* key, const std::string& value) {
    if (!value.empty()) sources.assignments.emplace_back(key, value);
  };
  flag("http.listen", parsed.listen);
  flag("store.data", parsed.data);
  flag("auth.jwt_secret_file", parsed.secret_file);
  auto settings = load_settings(sources);
  if (settings) settings->is_dev = parsed.is_dev;
  return settings;
}

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead: {}\n", error.message);
  return kUsageError;
}

void add_serve(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("serve", "Run the hub");
  command->footer(
      "Prints one line with its address when it is ready. SIGTERM drains and ends it.\n"
      "Precedence: --config file, FAIRLEAD_<SECTION>__<KEY> variables, --set and the flags.");
  add_config_options(*command, parsed);
  command->add_flag("--dev", parsed.is_dev,
                    "make a secret in the data directory and print a link to the dashboard");
  command->callback([&parsed] {
    auto settings = settings_of(parsed);
    parsed.exit_code = settings ? serve(std::move(*settings)) : refuse(settings.error());
  });
}

void add_config(CLI::App& app, Parsed& parsed) {
  CLI::App* command =
      app.add_subcommand("config", "Print the configuration in force, as a TOML file");
  add_config_options(*command, parsed);
  command->callback([&parsed] {
    auto settings = settings_of(parsed);
    if (!settings) {
      parsed.exit_code = refuse(settings.error());
    } else {
      fmt::print("{}", print_settings(*settings));
    }
  });
}

void add_token(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("token", "Mint a token from the secret (development)");
  TokenOptions& token = parsed.token;
  command->add_option("--jwt-secret-file", token.secret_file, "the hub's secret")->required();
  command->add_option("--sub", token.subject, "the device's id or the client's name")->required();
  command->add_option("--kind", token.kind, "device or client")
      ->check(CLI::IsMember({"device", "client"}))
      ->capture_default_str();
  command->add_option("--tenant", token.tenant, "tenant; without it: default");
  command->add_option("--scope", token.scope,
                      "space-separated: telemetry:read telemetry:write device:read device:write "
                      "command:read command:send connection:read admin");
  command->add_option(
      "--device", token.devices,
      "id, or prefix ending in *, that a client may touch; may be given many times");
  command->add_option("--ttl", token.ttl_s, "seconds until it expires")
      ->check(CLI::Range(1, 315'360'000))
      ->capture_default_str();
  command->add_option("--jti", token.jti, "an id by which it can be revoked");
  command->callback([&parsed] { parsed.exit_code = print_token(parsed.token); });
}

void add_migrate(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("migrate", "Look after the database's schema");
  command->require_subcommand(1);
  const auto with_settings = [&parsed](auto act) {
    return [&parsed, act] {
      const auto settings = settings_of(parsed);
      parsed.exit_code = settings ? act(*settings) : refuse(settings.error());
    };
  };
  CLI::App* status = command->add_subcommand("status", "Show what is applied and what is missing");
  add_source_options(*status, parsed);
  status->callback(
      with_settings([](const Settings& settings) { return show_migrations(settings); }));
  CLI::App* up = command->add_subcommand("up", "Apply what is missing");
  up->footer(
      "On SQLite `fairlead serve` does so by itself, else only with store.auto_migrate = true.");
  add_source_options(*up, parsed);
  up->add_flag("--dry-run", parsed.is_dry_run, "print what would be applied");
  up->callback(with_settings([&parsed](const Settings& settings) {
    return apply_migrations(settings, parsed.is_dry_run);
  }));
}

void add_upkeep(CLI::App& app, Parsed& parsed) {
  CLI::App* backup =
      app.add_subcommand("backup", "Copy the store to one file, also of a running hub");
  backup->footer(
      "The file holds everything. To restore, put it as fairlead.db into an empty directory and\n"
      "start a hub on that. PostgreSQL has tools of its own for this: pg_dump.");
  add_source_options(*backup, parsed);
  backup->add_option("--out", parsed.out, "the file to write; it must not exist")->required();
  backup->callback([&parsed] {
    const auto settings = settings_of(parsed);
    parsed.exit_code = settings ? back_up(*settings, parsed.out) : refuse(settings.error());
  });
  CLI::App* check =
      app.add_subcommand("check", "Read the whole store and tell what is wrong with it");
  add_source_options(*check, parsed);
  check->callback([&parsed] {
    const auto settings = settings_of(parsed);
    parsed.exit_code = settings ? check_store_files(*settings) : refuse(settings.error());
  });
}

void add_hub_options(CLI::App& command, transfer::HubOptions& hub) {
  command.add_option("--url", hub.url, "the hub, such as http://127.0.0.1:8080, or https://…")
      ->required();
  command.add_option("--ca", hub.ca,
                     "PEM file with roots of an https hub's certificate, beside the system's");
  command.add_option("--token-file", hub.token_file, "a client's token; mode 0600");
  command.add_option("--jwt-secret-file", hub.jwt_secret_file,
                     "or the hub's secret, to mint a token from");
  command.add_option("--tenant", hub.tenant, "of the minted token")->capture_default_str();
}

void add_export(CLI::App& app, Parsed& parsed) {
  CLI::App* command =
      app.add_subcommand("export", "Write devices and telemetry of a running hub to a file");
  command->footer(
      "Each device's samples stand together, by time. NDJSON has the devices' entries too, and "
      "can\n"
      "be imported anywhere. The token needs device:read and telemetry:read.");
  transfer::ExportOptions& options = parsed.export_options;
  add_hub_options(*command, options.hub);
  command->add_option("--devices", options.devices,
                      "ids, or prefixes ending in *; may be given many times; none: all");
  command->add_option("--from", options.from, "first time (ms since the epoch, or ISO 8601)");
  command->add_option("--to", options.to, "end of time, exclusive");
  command->add_option("--metrics", options.metrics, "only those")->delimiter(',');
  command->add_option("--format", options.format, "ndjson or csv")
      ->check(CLI::IsMember({"ndjson", "csv"}))
      ->capture_default_str();
  command->add_option("--out", options.out, "the file to write; without it stdout");
  command->callback([&parsed] { parsed.exit_code = transfer::run_export(parsed.export_options); });
}

void add_import(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("import", "Store what a file holds in a running hub");
  command->footer(
      "Run again after an interruption it goes on where it stopped; nothing is stored twice.\n"
      "The token needs device:read, device:write and telemetry:write.");
  transfer::ImportOptions& options = parsed.import_options;
  add_hub_options(*command, options.hub);
  command->add_option("file", options.file, "NDJSON or CSV, as export writes it; - is stdin")
      ->required();
  command->add_option("--format", options.format, "ndjson or csv; else .csv tells")
      ->check(CLI::IsMember({"ndjson", "csv"}));
  command->add_option("--device", options.device, "whose samples they are, if the file names none");
  command->add_option("--epoch", options.epoch,
                      "what the samples are counted in; else made of the file's beginning");
  command->callback([&parsed] { parsed.exit_code = transfer::run_import(parsed.import_options); });
}

void add_sim(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("sim", "Play a fleet of devices against a hub");
  sim::Options& options = parsed.sim;
  command->add_option("--url", options.url, "such as ws://127.0.0.1:8080/v1/ws, or wss://…")
      ->required();
  command->add_option("--ca", options.ca,
                      "PEM file with the roots of a wss hub; else the system's");
  command->add_flag("--insecure", options.is_insecure, "do not check a wss hub's certificate");
  command->add_option("--jwt-secret-file", options.jwt_secret_file, "the hub's secret")->required();
  command->add_option("--devices", options.devices, "how many devices")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--rate", options.rate, "samples a second of each device")
      ->check(CLI::Range(0.0001, 10'000.0))
      ->capture_default_str();
  command->add_option("--duration", options.duration_s, "seconds; 0: until it is interrupted")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--csv", options.csv,
                      "recorded readings to replay: first column a time, the others metrics");
  command
      ->add_option("--speed", options.speed,
                   "with --csv: times faster than recorded; 0: as fast as acks allow")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--prefix", options.prefix, "of the devices' ids")->capture_default_str();
  command->add_option("--tenant", options.tenant, "of the devices")->capture_default_str();
  command->add_option("--seed", options.seed, "of curves and moods")->capture_default_str();
  command->add_option("--window", options.window, "messages in flight for each device")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--vanish-every", options.vanish_every_s,
                   "mean seconds until a device drops out and comes back; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->callback([&parsed] { parsed.exit_code = sim::run(parsed.sim); });
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment) {
  Parsed parsed;
  parsed.sources.environment = environment;
  CLI::App app(kAbout, "fairlead");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(embedded::kVersion));
  add_serve(app, parsed);
  add_config(app, parsed);
  add_token(app, parsed);
  add_migrate(app, parsed);
  add_upkeep(app, parsed);
  add_export(app, parsed);
  add_import(app, parsed);
  add_sim(app, parsed);
  app.add_subcommand("version", "Print version and commit")->callback([] {
    fmt::print("fairlead {} ({})\n", embedded::kVersion, embedded::kCommit);
  });
  const bool names_command = !arguments.empty() && !arguments.front().starts_with('-');
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const bool is_known = std::ranges::any_of(commands, [&arguments](const CLI::App* command) {
    return command->get_name() == arguments.front();
  });
  if (names_command && !is_known) {
    fmt::print(stderr, "fairlead: unknown command {}; see `fairlead --help`\n", arguments.front());
    return kUsageError;
  }
  // CLI11 takes them from the last to the first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "fairlead: {}; see `fairlead --help` or `fairlead <command> --help`\n",
               error.what());
    return kUsageError;
  }
  return parsed.exit_code;
}

}  // namespace fairlead::app
