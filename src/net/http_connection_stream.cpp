// Answers whose body is made while it is sent.
#include <utility>

#include "base/assert.h"
#include "net/http_connection.h"
#include "net/reactor.h"

namespace fairlead::net {
namespace {

/// Of a body that is being made, this much may wait; then the peer has to take some.
constexpr std::size_t kStreamedBytes = 64 * 1024;

}  // namespace

void HttpConnection::stream(HttpResponse head, std::unique_ptr<BodySource> source) {
  FAIRLEAD_ASSERT(phase_ == Phase::kHandling);
  release_exchange();
  head.body.clear();
  if (says_close(head) || !framing_.is_http_11) framing_.keeps_alive = false;
  framing_.body =
      framing_.is_http_11 ? ResponseFraming::Body::kChunked : ResponseFraming::Body::kToTheEnd;
  const bool is_head = framing_.is_head;
  queue_response(std::move(head));
  if (!is_head) {
    phase_ = Phase::kStreaming;
    source_ = std::move(source);
  }
  if (reactor() == nullptr) return;
  if (is_head && has_more_ && phase_ == Phase::kReading) host_.make_ready(*this);
  update_interest();
  update_deadline();
}

void HttpConnection::pull() {
  if (phase_ != Phase::kStreaming || is_pulling_ || queue_.waiting() >= kStreamedBytes) return;
  is_pulling_ = true;
  link_ = std::make_shared<HttpLink>(HttpLink{.connection = this});
  is_in_source_ = true;
  source_->next([link = link_](std::optional<BodySource::Piece> piece) {
    if (link->connection != nullptr) link->connection->take_piece(std::move(piece));
  });
  is_in_source_ = false;
  if (phase_ != Phase::kStreaming) source_.reset();
}

void HttpConnection::take_piece(std::optional<BodySource::Piece> piece) {
  FAIRLEAD_ASSERT(is_pulling_);
  is_pulling_ = false;
  release_exchange();
  if (!piece) {
    cut();
    return;
  }
  const bool is_chunked = framing_.body == ResponseFraming::Body::kChunked;
  if (!piece->bytes.empty()) {
    queue_.push(is_chunked ? write_chunk(piece->bytes) : std::move(piece->bytes),
                host_.send_buffers());
  }
  if (piece->is_last) end_body();
  // What is still to come is asked for when this has been written.
  host_.want_flush(*this);
}

void HttpConnection::end_body() {
  if (framing_.body == ResponseFraming::Body::kChunked) {
    queue_.push_constant(kLastChunk, host_.send_buffers());
  }
  if (host_.is_draining()) framing_.keeps_alive = false;
  phase_ = framing_.keeps_alive ? Phase::kReading : Phase::kClosing;
  if (!is_in_source_) source_.reset();
  if (has_more_ && phase_ == Phase::kReading) host_.make_ready(*this);
  update_interest();
  update_deadline();
}

void HttpConnection::cut() {
  host_.forget(*this);
  socket_.reset();
  end();
}

}  // namespace fairlead::net
