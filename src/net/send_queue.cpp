#include "net/send_queue.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace fairlead::net {
namespace {

/// iovec has no const form; the kernel only reads.
iovec piece_of(std::string_view bytes) {
  return {.iov_base = std::bit_cast<void*>(bytes.data()), .iov_len = bytes.size()};
}

bool has_room(const SendItem& item, std::size_t bytes) {
  return item.chunk && item.chunk->capacity() - item.chunk->size() >= bytes;
}

}  // namespace

SendItem& SendQueue::add(std::string_view bytes, SendBuffers& buffers) {
  queued_ += bytes.size();
  if (!waiting_items_) waiting_items_ = buffers.take_items();
  return waiting_items_->items.emplace_back(SendItem{.bytes = bytes, .frame = {}, .chunk = {}});
}

void SendQueue::push(SharedFrame frame, SendBuffers& buffers) {
  add(frame->wire(), buffers).frame = std::move(frame);
}

void SendQueue::push(SharedFrame frame, std::string_view form, SendBuffers& buffers) {
  add(form, buffers).frame = std::move(frame);
}

void SendQueue::push(std::string bytes, SendBuffers& buffers) {
  if (bytes.empty()) return;
  auto chunk = std::make_unique<std::string>(std::move(bytes));
  add(*chunk, buffers).chunk = std::move(chunk);
}

void SendQueue::push_constant(std::string_view bytes, SendBuffers& buffers) { add(bytes, buffers); }

void SendQueue::push_copy(std::string_view head, std::string_view body, SendBuffers& buffers) {
  const std::size_t bytes = head.size() + body.size();
  if (bytes > SendBuffers::kChunkBytes / 2) {
    std::string joined;
    joined.reserve(bytes);
    push(joined.append(head).append(body), buffers);
    return;
  }
  const bool joins_last = waiting_items_ && has_room(waiting_items_->items.back(), bytes);
  if (!joins_last) add({}, buffers).chunk = buffers.take_chunk();
  SendItem& item = waiting_items_->items.back();
  const std::size_t unsent = item.bytes.size() + bytes;
  item.chunk->append(head).append(body);
  item.bytes = std::string_view(*item.chunk).substr(item.chunk->size() - unsent);
  queued_ += bytes;
}

void SendQueue::take(std::size_t bytes, SendBuffers& buffers) {
  auto& [items, first] = *waiting_items_;
  written_ += bytes;
  while (bytes > 0) {
    SendItem& item = items[first];
    if (bytes < item.bytes.size()) {
      item.bytes.remove_prefix(bytes);
      return;
    }
    bytes -= item.bytes.size();
    item.frame.reset();
    if (item.chunk) buffers.give(std::move(item.chunk));
    ++first;
  }
  // A queue that never drains must not keep the places of what has left.
  if (first >= kMaxPieces && first < items.size() && first >= items.size() / 2) {
    items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(first));
    first = 0;
  }
}

SendQueue::Offer SendQueue::offer(std::span<iovec> into) const {
  if (!waiting_items_) return {};
  const auto& [items, first] = *waiting_items_;
  Offer offer{.pieces = std::min({items.size() - first, into.size(), kMaxPieces}), .bytes = 0};
  for (std::size_t i = 0; i < offer.pieces; ++i) {
    into[i] = piece_of(items[first + i].bytes);
    offer.bytes += into[i].iov_len;
  }
  return offer;
}

SendQueue::Outcome SendQueue::settle(const IoResult& result, std::size_t offered,
                                     SendBuffers& buffers) {
  if (result.status == IoResult::Status::kBlocked) return Outcome::kBlocked;
  if (result.status != IoResult::Status::kOk) return Outcome::kLost;
  take(result.bytes, buffers);
  if (waiting_items_->first == waiting_items_->items.size())
    buffers.give(std::move(waiting_items_));
  // The kernel took a part: its buffer is full, asking again would only tell us so.
  if (result.bytes < offered) return Outcome::kBlocked;
  return waiting_items_ ? Outcome::kMore : Outcome::kDrained;
}

SendQueue::Outcome SendQueue::write_to(const Socket& socket, SendBuffers& buffers) {
  std::array<iovec, kMaxPieces> pieces;
  auto outcome = is_empty() ? Outcome::kDrained : Outcome::kMore;
  for (int call = 0; outcome == Outcome::kMore && call < kMaxCalls; ++call) {
    const Offer offered = offer(pieces);
    const IoResult result = socket.send(std::span(pieces).first(offered.pieces));
    outcome = settle(result, offered.bytes, buffers);
  }
  return outcome;
}

}  // namespace fairlead::net
