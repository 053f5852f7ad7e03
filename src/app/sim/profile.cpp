#include "app/sim/profile.h"

#include <array>

#include "protocol/json_writer.h"

namespace fairlead::app::sim {
namespace {

using enum MetricKind;

constexpr std::string_view kNoParams = R"({"type":"object","maxProperties":0})";

constexpr std::array<std::string_view, 3> kCompressor = {"off", "idle", "cooling"};
constexpr std::array<std::string_view, 4> kInverter = {"night", "starting", "feeding", "derated"};

constexpr std::array kBoilerMetrics = {
    MetricSpec{"temperature", kNumber, "Cel", -20, 125, 64, 5, 3, 0.15, 2},
    MetricSpec{"pressure", kNumber, "bar", 0, 6, 1.9, 0.1, 0.2, 0.01, 3},
    MetricSpec{"flow", kNumber, "L/min", 0, 60, 22, 6, 3, 0.3, 2},
    MetricSpec{"burner_on", kBoolean, "", 0, 1, 0.5, 0.3, 0.5, 0, 0},
};
constexpr std::array kBoilerCommands = {
    CommandSpec{"set_target", "Changes the flow temperature",
                R"({"type":"object","required":["celsius"],"additionalProperties":false,)"
                R"("properties":{"celsius":{"type":"number","minimum":30,"maximum":85}}})",
                80, 900, "celsius", "temperature"},
    CommandSpec{"purge", "Vents the circuit", kNoParams, 400, 2500, "", ""},
};

constexpr std::array kWeatherMetrics = {
    MetricSpec{"temperature", kNumber, "Cel", -40, 60, 11, 6, 3, 0.1, 1},
    MetricSpec{"humidity", kNumber, "%", 0, 100, 68, -14, 8, 0.4, 1},
    MetricSpec{"pressure", kNumber, "hPa", 870, 1085, 1014, 1, 9, 0.1, 1},
    MetricSpec{"wind_speed", kNumber, "m/s", 0, 75, 4.5, 1.5, 2, 0.6, 1},
    MetricSpec{"raining", kBoolean, "", 0, 1, 0.3, 0, 0.5, 0, 0},
};
constexpr std::array kWeatherCommands = {
    CommandSpec{"calibrate", "Sets the barometer to a known pressure",
                R"({"type":"object","required":["pressure"],)"
                R"("properties":{"pressure":{"type":"number","minimum":950,"maximum":1060}}})",
                150, 1200, "pressure", "pressure"},
    CommandSpec{"heat_sensor", "Dries the sensor for some seconds",
                R"({"type":"object","properties":{"seconds":{"type":"integer","minimum":1,)"
                R"("maximum":600,"default":30}}})",
                50, 300, "", ""},
};

constexpr std::array kPumpMetrics = {
    MetricSpec{"speed", kInteger, "/min", 0, 3600, 1480, 120, 60, 6, 0},
    MetricSpec{"power", kNumber, "kW", 0, 45, 11, 1.5, 1, 0.1, 2},
    MetricSpec{"vibration", kNumber, "mm/s", 0, 50, 2.1, 0.2, 0.7, 0.1, 2},
    MetricSpec{"bearing_temperature", kNumber, "Cel", -20, 150, 58, 4, 4, 0.1, 1},
    MetricSpec{"running", kBoolean, "", 0, 1, 0.9, 0.1, 0.2, 0, 0},
};
constexpr std::array kPumpCommands = {
    CommandSpec{"set_speed", "Changes the speed of the drive",
                R"({"type":"object","required":["rpm"],"additionalProperties":false,)"
                R"("properties":{"rpm":{"type":"integer","minimum":0,"maximum":3000}}})",
                200, 2000, "rpm", "speed"},
    CommandSpec{"stop", "Runs the pump down", kNoParams, 500, 2500, "", ""},
};

constexpr std::array kColdMetrics = {
    MetricSpec{"temperature", kNumber, "Cel", -60, 40, -21, 0.8, 1.2, 0.05, 2},
    MetricSpec{"door_open", kBoolean, "", 0, 1, 0.2, 0.2, 0.5, 0, 0},
    MetricSpec{"compressor", kLabel, "", 0, 1, 0.6, 0.2, 0.4, 0, 0, kCompressor},
    MetricSpec{"energy_use", kNumber, "kW", 0, 30, 3.2, 0.7, 0.6, 0.05, 2},
};
constexpr std::array kColdCommands = {
    CommandSpec{"set_target", "Changes the temperature of the room",
                R"({"type":"object","required":["celsius"],)"
                R"("properties":{"celsius":{"type":"number","minimum":-30,"maximum":8}}})",
                60, 500, "celsius", "temperature"},
    CommandSpec{"defrost", "Melts the ice off the evaporator",
                R"({"type":"object","properties":{"minutes":{"type":"integer","minimum":1,)"
                R"("maximum":60}}})",
                300, 2500, "", ""},
};

constexpr std::array kSolarMetrics = {
    MetricSpec{"power", kNumber, "W", 0, 12000, 2600, 3900, 500, 25, 1},
    MetricSpec{"voltage", kNumber, "V", 0, 1000, 610, 40, 15, 1, 1},
    MetricSpec{"temperature", kNumber, "Cel", -40, 110, 33, 12, 3, 0.2, 1},
    MetricSpec{"state", kLabel, "", 0, 1, 0.4, 0.5, 0.1, 0, 0, kInverter},
};
constexpr std::array kSolarCommands = {
    CommandSpec{"set_limit", "Caps the power fed in",
                R"({"type":"object","required":["percent"],)"
                R"("properties":{"percent":{"type":"integer","minimum":0,"maximum":100}}})",
                100, 800, "", ""},
    CommandSpec{"restart", "Restarts the inverter", kNoParams, 1000, 3000, "", ""},
};

constexpr std::array kProfiles = {
    Profile{"boiler", "4.2.1", kBoilerMetrics, kBoilerCommands},
    Profile{"weather_station", "2.0.7", kWeatherMetrics, kWeatherCommands},
    Profile{"pump", "1.9.3", kPumpMetrics, kPumpCommands},
    Profile{"cold_store", "3.1.0", kColdMetrics, kColdCommands},
    Profile{"solar_inverter", "7.4.2", kSolarMetrics, kSolarCommands},
};

constexpr std::array kRecorderCommands = {
    CommandSpec{"set_interval", "Changes how often readings are taken",
                R"({"type":"object","required":["seconds"],)"
                R"("properties":{"seconds":{"type":"number","exclusiveMinimum":0}}})",
                50, 400, "", ""},
    CommandSpec{"self_test", "Checks every channel", kNoParams, 200, 1500, "", ""},
};
constexpr Profile kRecorder{"recorder", "1.0.0", {}, kRecorderCommands};

std::string_view wire_type(MetricKind kind) {
  switch (kind) {
    case kNumber:
      return "number";
    case kInteger:
      return "integer";
    case kBoolean:
      return "boolean";
    case kLabel:
      break;
  }
  return "string";
}

void write_metric(protocol::JsonWriter& json, const MetricSpec& metric) {
  json.key(metric.name).begin_object().member("type", wire_type(metric.kind));
  if (!metric.unit.empty()) json.member("unit", metric.unit);
  if (metric.kind == kNumber || metric.kind == kInteger) {
    json.member("minimum", metric.minimum).member("maximum", metric.maximum);
  }
  if (metric.kind == kLabel) {
    json.key("enum").begin_array();
    for (const std::string_view label : metric.labels) json.value(label);
    json.end_array();
  }
  json.end_object();
}

}  // namespace

std::span<const Profile> profiles() { return kProfiles; }

const Profile& recorder() { return kRecorder; }

std::string capabilities_of(const Profile& profile, std::string_view metrics_json) {
  std::string out;
  protocol::JsonWriter json(out);
  json.begin_object().raw_member("metrics", metrics_json).key("commands").begin_object();
  for (const CommandSpec& command : profile.commands) {
    json.key(command.name).begin_object().member("description", command.description);
    json.raw_member("params", command.params).end_object();
  }
  json.end_object().end_object();
  return out;
}

std::string capabilities_of(const Profile& profile) {
  std::string metrics;
  protocol::JsonWriter json(metrics);
  json.begin_object();
  for (const MetricSpec& metric : profile.metrics) write_metric(json, metric);
  json.end_object();
  return capabilities_of(profile, metrics);
}

}  // namespace fairlead::app::sim
