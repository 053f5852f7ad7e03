#include "http/telemetry_export.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "http/request.h"

namespace fairlead::http {
namespace {

using telemetry::Page;
using telemetry::Position;
using telemetry::Sample;

Position position_of(const Sample& sample) { return {.ts = sample.ts, .offset = sample.offset}; }

/// One export on its way; kept by whoever waits for its next read.
struct Export {
  explicit Export(ExportRequest wanted) : request(std::move(wanted)), next(request.range) {
    columns.insert(request.metrics.begin(), request.metrics.end());
  }

  using Taker = std::move_only_function<void(Result<Page>)>;

  void read(Taker taker) const {
    request.operations.read_telemetry(request.who, request.device, next, std::move(taker));
  }
  /// The rows of a read are taken: the next one begins behind them.
  void move_behind(const Page& page) {
    if (page.samples.empty()) return;
    next.after = position_of(page.samples.back());
    next.limit -= std::min(next.limit, page.samples.size());
  }
  bool is_whole(const Page& page) const {
    return !page.has_more || page.samples.size() == next.limit;
  }
  std::optional<std::string> cursor_behind(const Page& page) const {
    if (!page.has_more) return std::nullopt;
    const Position last = position_of(page.samples.back());
    return make_cursor({std::to_string(last.ts), std::to_string(last.offset)});
  }
  net::HttpResponse head(const std::optional<std::string>& cursor) const {
    Headers headers = {{"Content-Type", std::string(content_type(request.format))},
                       {"Cache-Control", "no-store"},
                       {"Vary", "Accept"}};
    if (cursor && request.format != Format::kJson) {
      headers.emplace_back("Link", next_link(request.http, *cursor));
    }
    return {.status = 200, .headers = std::move(headers), .body = {}};
  }

  void survey(const Page& page);
  bool cut_to_survey(Page& page) const;
  std::string rows(const Page& page);
  std::string body(const Page& page, bool is_last, const std::optional<std::string>& cursor);

  const ExportRequest request;
  /// What the next read is to give.
  telemetry::Range next;
  /// Of CSV.
  std::set<std::string> columns;
  /// What a first walk over the page found: its last row, and the newest; what is stored since is
  /// left out.
  std::optional<Position> end;
  std::int64_t newest_offset = 0;
  bool has_begun = false;
  bool has_rows = false;
};

void Export::survey(const Page& page) {
  if (request.format == Format::kCsv && request.metrics.empty()) {
    add_columns(page.samples, columns);
  }
  for (const Sample& sample : page.samples) newest_offset = std::max(newest_offset, sample.offset);
  if (!page.samples.empty()) end = position_of(page.samples.back());
}

/// Leaves of a read what the survey saw; true when that was the last.
bool Export::cut_to_survey(Page& page) const {
  const auto is_beyond = [this](const Sample& sample) {
    const auto place = std::tuple(sample.ts, sample.offset);
    const auto last = std::tuple(end->ts, end->offset);
    return request.range.is_descending ? place < last : place > last;
  };
  const auto first_beyond = std::ranges::find_if(page.samples, is_beyond);
  const bool is_last = first_beyond != page.samples.end() || !page.has_more ||
                       page.samples.back().offset == end->offset;
  page.samples.erase(first_beyond, page.samples.end());
  std::erase_if(page.samples,
                [this](const Sample& sample) { return sample.offset > newest_offset; });
  return is_last;
}

std::string Export::rows(const Page& page) {
  if (request.format == Format::kCsv) return csv_rows(page.samples, columns, request.metrics);
  std::string text;
  for (const Sample& sample : page.samples) {
    const std::string row = row_json(sample, request.metrics);
    if (row.empty()) continue;
    if (request.format == Format::kJson && std::exchange(has_rows, true)) text += ',';
    text += row;
    if (request.format == Format::kNdjson) text += '\n';
  }
  return text;
}

std::string Export::body(const Page& page, bool is_last, const std::optional<std::string>& cursor) {
  std::string text;
  if (!std::exchange(has_begun, true)) {
    if (request.format == Format::kJson) text = R"({"items":[)";
    if (request.format == Format::kCsv) text = csv_head(columns);
  }
  text += rows(page);
  if (is_last && request.format == Format::kJson) {
    text += R"(],"next_cursor":)";
    text += cursor ? fmt::format(R"("{}"}})", *cursor) : "null}";
  }
  return text;
}

/// The body of a page that takes several reads.
class ExportSource final : public net::BodySource {
 public:
  /// `first`: what has been read and not been sent.
  ExportSource(std::shared_ptr<Export> state, std::optional<Page> first)
      : export_(std::move(state)), first_(std::move(first)) {}

  void next(Completion done) override {
    if (first_) return done(piece(*export_, *std::exchange(first_, std::nullopt)));
    // Kept by the callback: this source may be gone when it runs.
    Export& state = *export_;
    state.read([state = export_, done = std::move(done)](Result<Page> page) mutable {
      if (!page) return done(std::nullopt);
      done(piece(*state, std::move(*page)));
    });
  }

 private:
  static Piece piece(Export& state, Page page) {
    const bool is_counted = !state.end;
    bool is_last = is_counted && state.is_whole(page);
    const auto cursor = is_last ? state.cursor_behind(page) : std::nullopt;
    state.move_behind(page);
    if (!is_counted) {
      is_last = state.cut_to_survey(page);
      state.next.limit = state.request.range.limit;
    }
    return {.bytes = state.body(page, is_last, cursor), .is_last = is_last};
  }

  std::shared_ptr<Export> export_;
  std::optional<Page> first_;
};

void stream(std::shared_ptr<Export> state, std::optional<Page> first,
            const std::optional<std::string>& cursor, net::Exchange& exchange) {
  net::HttpResponse head = state->head(cursor);
  exchange.stream(std::move(head),
                  std::make_unique<ExportSource>(std::move(state), std::move(first)));
}

/// Walks over the rest of a page; then it is known what its head must say.
void survey_rest(const std::shared_ptr<Export>& state, std::unique_ptr<net::Exchange> exchange) {
  state->read([state, exchange = std::move(exchange)](Result<Page> page) mutable {
    if (!page) return respond_error(*exchange, page.error());
    state->survey(*page);
    const bool is_whole = state->is_whole(*page);
    const auto cursor = is_whole ? state->cursor_behind(*page) : std::nullopt;
    state->move_behind(*page);
    if (!is_whole) return survey_rest(state, std::move(exchange));
    state->next = state->request.range;
    stream(state, std::nullopt, cursor, *exchange);
  });
}

}  // namespace

void export_telemetry(ExportRequest request, std::unique_ptr<net::Exchange> exchange) {
  const auto state = std::make_shared<Export>(std::move(request));
  state->read([state, exchange = std::move(exchange)](Result<Page> page) mutable {
    if (!page) return respond_error(*exchange, page.error());
    if (state->is_whole(*page)) {
      const auto cursor = state->cursor_behind(*page);
      state->survey(*page);
      net::HttpResponse response = state->head(cursor);
      response.body = state->body(*page, true, cursor);
      return exchange->respond(std::move(response));
    }
    if (state->request.format == Format::kJson) {
      return stream(state, std::move(*page), std::nullopt, *exchange);
    }
    state->survey(*page);
    state->move_behind(*page);
    survey_rest(state, std::move(exchange));
  });
}

}  // namespace fairlead::http
