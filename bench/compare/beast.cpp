// compare-beast [threads]: an echo and a fan-out as Boost.Beast's own examples write them. A
// message to /pub goes to every connection to /sub, and back to its sender as an ack; elsewhere
// messages are echoed.
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using SharedText = std::shared_ptr<const std::string>;

constexpr int kMaxThreads = 64;

class Session;

/// Who subscribed. From all threads.
class Audience {
 public:
  void join(Session& session) {
    const std::lock_guard lock(mutex_);
    sessions_.insert(&session);
  }
  void leave(Session& session) {
    const std::lock_guard lock(mutex_);
    sessions_.erase(&session);
  }
  void send(const SharedText& text);

 private:
  std::mutex mutex_;
  std::unordered_set<Session*> sessions_;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Audience& audience)
      : stream_(std::move(socket)), audience_(audience) {}
  ~Session() { audience_.leave(*this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    http::async_read(stream_.next_layer(), buffer_, request_,
                     [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                       if (!error) self->accept();
                     });
  }

  /// From any thread.
  void send(const SharedText& text) {
    asio::post(stream_.get_executor(), [self = shared_from_this(), text] { self->queue(text); });
  }

 private:
  void accept() {
    stream_.async_accept(request_, [self = shared_from_this()](const beast::error_code& error) {
      if (error) return;
      self->stream_.text(true);
      self->stream_.auto_fragment(false);
      if (self->request_.target() == "/sub") self->audience_.join(*self);
      self->is_publisher_ = self->request_.target() == "/pub";
      self->read();
    });
  }

  void read() {
    stream_.async_read(buffer_,
                       [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                         if (error) return;
                         self->on_message();
                         self->read();
                       });
  }

  void on_message() {
    auto text = std::make_shared<const std::string>(beast::buffers_to_string(buffer_.data()));
    buffer_.consume(buffer_.size());
    if (is_publisher_) audience_.send(text);
    queue(std::move(text));
  }

  /// A stream has one write under way at a time.
  void queue(SharedText text) {
    waiting_.push_back(std::move(text));
    if (waiting_.size() == 1) write();
  }

  void write() {
    stream_.async_write(asio::buffer(*waiting_.front()),
                        [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                          if (error) return;
                          self->waiting_.pop_front();
                          if (!self->waiting_.empty()) self->write();
                        });
  }

  websocket::stream<tcp::socket> stream_;
  Audience& audience_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  std::deque<SharedText> waiting_;
  bool is_publisher_ = false;
};

void Audience::send(const SharedText& text) {
  // Who is just being destroyed is not woken again.
  std::vector<std::shared_ptr<Session>> sessions;
  {
    const std::lock_guard lock(mutex_);
    sessions.reserve(sessions_.size());
    for (Session* session : sessions_) {
      if (auto alive = session->weak_from_this().lock()) sessions.push_back(std::move(alive));
    }
  }
  for (const auto& session : sessions) session->send(text);
}

void accept_next(asio::io_context& context, tcp::acceptor& acceptor, Audience& audience) {
  acceptor.async_accept(asio::make_strand(context),
                        [&](const beast::error_code& error, tcp::socket socket) {
                          if (!error) {
                            socket.set_option(tcp::no_delay(true));
                            std::make_shared<Session>(std::move(socket), audience)->start();
                          }
                          accept_next(context, acceptor, audience);
                        });
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1 || threads > kMaxThreads) {
    std::fprintf(stderr, "usage: compare-beast [threads]\n");
    return 2;
  }
  asio::io_context context(threads);
  Audience audience;
  tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
  acceptor.listen(4096);
  accept_next(context, acceptor, audience);
  std::printf("listening on %d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&context] { context.run(); });
  context.run();
}
