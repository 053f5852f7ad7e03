#include <string>

#include "protocol/names.h"
#include "protocol/request_readers.h"

namespace fairlead::protocol {
namespace {

constexpr std::string_view kMetricNameRule =
    "a metric's name has 1 to 64 characters of A-Z a-z 0-9 _ . : / -";
static_assert(kMaxMetricNameLength == 64);

std::string metric_path(const Members& sample, std::string_view name) {
  return fmt::format("{}.{}", sample.path("metrics"), shortened(name));
}

void refuse_value(const Members& sample, const Node& node) {
  sample.problems().add(metric_path(sample, node.key),
                        fmt::format("must be a number, boolean or string, not {}", describe(node)));
}

MetricView read_metric(const Members& sample, const Node& node) {
  MetricView metric{.name = node.key, .text = node.text, .number = node.number};
  if (!is_metric_name(node.key)) {
    sample.problems().add(metric_path(sample, node.key), std::string(kMetricNameRule));
  }
  switch (node.kind) {
    case NodeKind::kNumber:
      break;
    case NodeKind::kBoolean:
      metric.kind = ValueKind::kBoolean;
      break;
    case NodeKind::kString:
      metric.kind = ValueKind::kString;
      if (node.text.size() > kMaxMetricTextBytes) {
        sample.problems().add_too_large(metric_path(sample, node.key),
                                        fmt::format("must have at most {} bytes, not {}",
                                                    kMaxMetricTextBytes, node.text.size()),
                                        static_cast<std::int64_t>(kMaxMetricTextBytes));
      }
      break;
    default:
      refuse_value(sample, node);
  }
  return metric;
}

// The metrics object, when it has 1 to kMaxMetrics members.
const Node* find_metrics(const Members& sample) {
  if (!sample.require("metrics")) return nullptr;
  const Node* const metrics = sample.object("metrics");
  if (metrics == nullptr) return nullptr;
  if (metrics->children == 0) {
    sample.add("metrics", fmt::format("must have 1 to {} members, not 0", kMaxMetrics));
    return nullptr;
  }
  if (metrics->children > kMaxMetrics) {
    sample.problems().add_too_large(
        sample.path("metrics"),
        fmt::format("must have 1 to {} members, not {}", kMaxMetrics, metrics->children),
        static_cast<std::int64_t>(kMaxMetrics));
    return nullptr;
  }
  return metrics;
}

// `buffers.metrics` must have room: the views into it would not survive its growing.
void read_sample(const Members& members, SampleBuffers& buffers) {
  SampleView sample;
  sample.ts = members.integer("ts");
  sample.seq = members.integer("seq", {.least = 1});
  if (const Node* const metrics = find_metrics(members)) {
    sample.metrics_json = metrics->text;
    const std::size_t first = buffers.metrics.size();
    for (const Node& node : members.document().children(*metrics)) {
      buffers.metrics.push_back(read_metric(members, node));
    }
    sample.metrics = std::span(buffers.metrics).subspan(first);
  }
  buffers.samples.push_back(sample);
}

void read_samples(const Members& batch, const Node& list, SampleBuffers& buffers) {
  std::size_t index = 0;
  for (const Node& element : batch.document().children(list)) {
    const Place place{.member = list.key, .index = index++};
    if (element.kind != NodeKind::kObject) {
      batch.problems().add(fmt::format("{}[{}]", list.key, *place.index),
                           fmt::format("must be an object, not {}", describe(element)));
      continue;
    }
    read_sample(Members(batch.document(), element, batch.problems(), place), buffers);
  }
}

void prepare(const Document& document, SampleBuffers& buffers) {
  buffers.samples.clear();
  buffers.metrics.clear();
  buffers.metrics.reserve(document.size());
}

}  // namespace

Telemetry read_telemetry(const Members& members, SampleBuffers& buffers) {
  prepare(members.document(), buffers);
  Telemetry telemetry;
  telemetry.epoch = members.text("epoch", 0, kMaxEpochLength);
  read_sample(members, buffers);
  telemetry.samples = buffers.samples;
  return telemetry;
}

Telemetry read_telemetry_batch(const Members& members, SampleBuffers& buffers) {
  prepare(members.document(), buffers);
  Telemetry telemetry;
  telemetry.is_batch = true;
  telemetry.epoch = members.text("epoch", 0, kMaxEpochLength);
  if (!members.require("samples")) return telemetry;
  const Node* const samples = members.array("samples");
  if (samples == nullptr) return telemetry;
  if (samples->children > kMaxBatchSamples) {
    members.problems().add_too_large(
        members.path("samples"),
        fmt::format("must have 1 to {} elements, not {}", kMaxBatchSamples, samples->children),
        static_cast<std::int64_t>(kMaxBatchSamples));
    return telemetry;
  }
  if (samples->children == 0) {
    members.add("samples", fmt::format("must have 1 to {} elements, not 0", kMaxBatchSamples));
  }
  read_samples(members, *samples, buffers);
  telemetry.samples = buffers.samples;
  return telemetry;
}

}  // namespace fairlead::protocol
