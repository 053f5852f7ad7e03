#include "http/assets.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "embedded/spec.h"
#include "embedded/web.h"

namespace fairlead::http {
namespace {

template <typename Files>
std::optional<std::string_view> find(const Files& files, std::string_view name) {
  for (const auto& file : files) {
    if (file.name == name) return file.content;
  }
  return std::nullopt;
}

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "application/json";
}

/// `Host` goes into a header of the answer: only what a host can be made of does.
std::string_view safe_host(std::string_view host) {
  const bool is_plain = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
  return is_plain ? host : std::string_view();
}

net::HttpResponse page(std::string_view content, std::string_view name, std::string_view host) {
  const std::string policy = fmt::format(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
      "connect-src 'self' ws://{0} wss://{0}; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'",
      safe_host(host));
  return {.status = 200,
          .headers = {{"Content-Type", std::string(type_of(name))},
                      {"Content-Security-Policy", policy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"}},
          .body = std::string(content)};
}

}  // namespace

bool serve_asset(const net::HttpRequest& request, net::Exchange& exchange) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  std::string_view name = request.path;
  name.remove_prefix(1);
  if (name.starts_with("v1/") && name.ends_with(".json")) {
    const auto spec = find(embedded::kSpec, name.substr(3));
    if (!spec) return false;
    exchange.respond({.status = 200,
                      .headers = {{"Content-Type", "application/json"}},
                      .body = std::string(*spec)});
    return true;
  }
  if (name.empty()) name = "index.html";
  const auto content = find(embedded::kWeb, name);
  if (!content) return false;
  exchange.respond(page(*content, name, request.header("host")));
  return true;
}

}  // namespace fairlead::http
