// compare-libwebsockets: an echo and a fan-out as libwebsockets' own examples write them, on its
// libuv event loop (its poll() default looks at every connection in every turn). A message to /pub
// goes to every connection to /sub, and back to its sender as an ack; elsewhere messages are
// echoed.
#include <libwebsockets.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace {

/// Room for the header that lws_write puts in front of the payload, then the payload. Many
/// connections send the same one: a server's header is the same for all of them.
using SharedText = std::shared_ptr<std::string>;

struct Session {
  std::string received;
  std::deque<SharedText> waiting;
  bool is_publisher = false;
};

struct Server {
  std::unordered_map<lws*, std::unique_ptr<Session>> sessions;
  std::unordered_set<lws*> subscribers;
};

Server& server_of(lws* connection) {
  return *static_cast<Server*>(lws_context_user(lws_get_context(connection)));
}

void begin(lws* connection) {
  std::array<char, 64> path{};
  lws_hdr_copy(connection, path.data(), static_cast<int>(path.size()), WSI_TOKEN_GET_URI);
  auto session = std::make_unique<Session>();
  session->is_publisher = std::string_view(path.data()) == "/pub";
  Server& server = server_of(connection);
  if (std::string_view(path.data()) == "/sub") server.subscribers.insert(connection);
  lws_set_wsi_user(connection, session.get());
  server.sessions[connection] = std::move(session);
}

void send(lws* connection, Session& session, SharedText text) {
  session.waiting.push_back(std::move(text));
  lws_callback_on_writable(connection);
}

void receive(lws* connection, Session& session, std::string_view part) {
  session.received += part;
  const bool is_whole =
      lws_is_final_fragment(connection) != 0 && lws_remaining_packet_payload(connection) == 0;
  if (!is_whole) return;
  auto text = std::make_shared<std::string>(LWS_PRE, '\0');
  *text += session.received;
  session.received.clear();
  Server& server = server_of(connection);
  if (session.is_publisher) {
    for (lws* subscriber : server.subscribers) {
      send(subscriber, *server.sessions[subscriber], text);
    }
  }
  send(connection, session, std::move(text));
}

int write(lws* connection, Session& session) {
  while (!session.waiting.empty()) {
    std::string& text = *session.waiting.front();
    const std::size_t size = text.size() - LWS_PRE;
    auto* payload = reinterpret_cast<unsigned char*>(text.data()) + LWS_PRE;
    if (lws_write(connection, payload, size, LWS_WRITE_TEXT) < static_cast<int>(size)) return -1;
    session.waiting.pop_front();
    if (lws_send_pipe_choked(connection) != 0) break;
  }
  if (!session.waiting.empty()) lws_callback_on_writable(connection);
  return 0;
}

int on_event(lws* connection, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  auto* session = static_cast<Session*>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      begin(connection);
      return 0;
    case LWS_CALLBACK_RECEIVE:
      receive(connection, *session, {static_cast<const char*>(in), size});
      return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      return write(connection, *session);
    case LWS_CALLBACK_CLOSED:
      server_of(connection).subscribers.erase(connection);
      server_of(connection).sessions.erase(connection);
      return 0;
    default:
      return lws_callback_http_dummy(connection, reason, user, in, size);
  }
}

}  // namespace

int main() {
  lws_set_log_level(LLL_ERR, nullptr);
  Server server;
  std::array<lws_protocols, 2> protocols{};
  protocols[0].name = "any";
  protocols[0].callback = on_event;
  protocols[0].rx_buffer_size = 64 * 1024;
  lws_context_creation_info info{};
  info.port = 0;
  info.iface = "127.0.0.1";
  info.protocols = protocols.data();
  info.user = &server;
  info.pt_serv_buf_size = 256 * 1024;
  info.options =
      LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  lws_context* const context = lws_create_context(&info);
  lws_vhost* const host = context == nullptr ? nullptr : lws_create_vhost(context, &info);
  if (host == nullptr) {
    std::fprintf(stderr, "compare-libwebsockets: cannot listen\n");
    return 1;
  }
  // Its libuv loop catches this one and then waits for the peers to go.
  std::signal(SIGTERM, SIG_DFL);
  std::printf("listening on %d\n", lws_get_vhost_listen_port(host));
  std::fflush(stdout);
  while (lws_service(context, 0) >= 0) {
  }
  lws_context_destroy(context);
}
