#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "protocol/definition.h"
#include "protocol/json_writer.h"
#include "protocol/names.h"
#include "protocol/request_readers.h"

namespace fairlead::protocol {
namespace {

struct EventName {
  std::string_view name;
  EventBit bit;
};
constexpr std::array<EventName, 5> kEvents = {{
    {"telemetry", EventBit::kTelemetry},
    {"presence", EventBit::kPresence},
    {"status", EventBit::kStatus},
    {"device", EventBit::kDevice},
    {"command", EventBit::kCommand},
}};

// Strings of a list that pass `is_good`; `rule` says what that is.
template <typename Good>
std::vector<std::string> read_names(const Members& members, std::string_view name, std::size_t most,
                                    Good is_good, std::string_view rule) {
  std::vector<std::string> names;
  const Node* const list = members.list(name, most);
  if (list == nullptr) return names;
  names.reserve(list->children);
  std::size_t index = 0;
  for (const Node& element : members.document().children(*list)) {
    if (element.kind == NodeKind::kString && is_good(element.text)) {
      names.emplace_back(element.text);
    } else {
      members.problems().add(fmt::format("{}[{}]", name, index),
                             fmt::format("must be {}, not {}", rule, describe(element)));
    }
    ++index;
  }
  return names;
}

std::optional<std::uint8_t> read_events(const Members& members) {
  const auto find = [](std::string_view name) {
    return std::ranges::find(kEvents, name, &EventName::name);
  };
  if (members.find("events") == nullptr) return std::nullopt;
  constexpr std::size_t kMostNamed = 64;
  unsigned bits = 0;
  for (const std::string& name : read_names(
           members, "events", kMostNamed,
           [&](std::string_view text) { return find(text) != kEvents.end(); },
           "one of telemetry, presence, status, device, command")) {
    bits |= static_cast<unsigned>(find(name)->bit);
  }
  return static_cast<std::uint8_t>(bits);
}

std::optional<std::vector<std::string>> read_metrics(const Members& members) {
  if (members.find("metrics") == nullptr) return std::nullopt;
  auto names = read_names(members, "metrics", kMaxMetrics, is_metric_name,
                          "a metric's name, 1 to 64 characters of A-Z a-z 0-9 _ . : / -");
  std::ranges::sort(names);
  const auto doubles = std::ranges::unique(names);
  names.erase(doubles.begin(), doubles.end());
  return names;
}

std::vector<std::pair<std::string, std::int64_t>> read_after(const Members& members) {
  std::vector<std::pair<std::string, std::int64_t>> after;
  const Node* const object = members.object("after");
  if (object == nullptr) return after;
  after.reserve(object->children);
  for (const Node& member : members.document().children(*object)) {
    const auto path = [&] { return members.path(fmt::format("after.{}", shortened(member.key))); };
    if (!is_device_id(member.key)) {
      members.problems().add(path(),
                             "a device's id has 1 to 128 characters of A-Z a-z 0-9 _ . : / -");
    }
    if (!member.is_integer || member.integer < 0 || member.integer > kMaxSafeInteger) {
      members.problems().add(path(), fmt::format("must be an integer from 0 to {}, not {}",
                                                 kMaxSafeInteger, describe(member)));
    }
    after.emplace_back(member.key, member.integer);
  }
  return after;
}

static_assert(kMaxMetricNameLength == 64 && kMaxDeviceIdLength == 128, "the texts above say so");

}  // namespace

std::vector<std::string> read_patterns(const Members& members) {
  return read_names(members, "devices", kMaxSubscribeDevices, is_pattern,
                    "a device's id or a prefix of ids that ends in *");
}

Subscribe read_subscribe(const Members& members) {
  Subscribe subscribe;
  subscribe.durable = members.text("durable", 1, kMaxDurableNameLength);
  if (members.find("devices") != nullptr) {
    subscribe.devices = read_patterns(members);
  } else if (members.find("durable") == nullptr) {
    members.add("devices", "is missing (only with `durable` it may be)");
  } else {
    // Taken up as it is: what would change it comes with all of it.
    for (const std::string_view name : {"events", "metrics", "min_interval_ms"}) {
      if (members.find(name) != nullptr) {
        members.add(name, "must come with `devices`: both replace the durable subscription");
      }
    }
  }
  subscribe.events = read_events(members);
  subscribe.metrics = read_metrics(members);
  subscribe.min_interval_ms =
      members.integer("min_interval_ms", {.most = kMaxIntervalMs}).value_or(0);
  subscribe.after = read_after(members);
  subscribe.since = members.integer("since");
  return subscribe;
}

std::string write_definition(const Subscribe& subscribe) {
  std::string json;
  JsonWriter writer(json);
  writer.begin_object().key("devices").begin_array();
  for (const std::string& pattern : subscribe.devices) writer.value(pattern);
  writer.end_array();
  if (subscribe.events) {
    writer.key("events").begin_array();
    for (const EventName& event : kEvents) {
      if ((*subscribe.events & static_cast<unsigned>(event.bit)) != 0) writer.value(event.name);
    }
    writer.end_array();
  }
  if (subscribe.metrics) {
    writer.key("metrics").begin_array();
    for (const std::string& name : *subscribe.metrics) writer.value(name);
    writer.end_array();
  }
  writer.member("min_interval_ms", subscribe.min_interval_ms).end_object();
  return json;
}

Unsubscribe read_unsubscribe(const Members& members) {
  Unsubscribe unsubscribe;
  const bool by_subscription = members.find("subscription") != nullptr;
  if (by_subscription == (members.find("durable") != nullptr)) {
    members.add("subscription", by_subscription
                                    ? "either this or `durable` is to be named, not both"
                                    : "is missing, and so is `durable`");
  }
  unsubscribe.subscription = members.text("subscription", 1, kMaxDurableNameLength);
  unsubscribe.durable = members.text("durable", 1, kMaxDurableNameLength);
  return unsubscribe;
}

}  // namespace fairlead::protocol
