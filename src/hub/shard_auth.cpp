#include <utility>

#include "hub/shard.h"

namespace fairlead::hub {

void Shard::authenticate_first(Session& session, protocol::RequestId id,
                               const protocol::Auth& request) {
  const std::string& remote = session.info().remote;
  if (auto answer = authenticator_.authenticate(request.token, remote)) {
    opened_by(session, std::move(id), std::move(*answer));
    return;
  }
  session.set_awaits_verdict(true);
  authenticator_.wait_for(request.token, remote,
                          [this, number = session.number(),
                           id = std::move(id)](Result<auth::Principal> principal) mutable {
                            Session* const waiting = connections_.find(number);
                            if (waiting == nullptr || waiting->is_ended()) return;
                            waiting->set_awaits_verdict(false);
                            opened_by(*waiting, std::move(id), std::move(principal));
                          });
}

void Shard::opened_by(Session& session, protocol::RequestId id, Result<auth::Principal> principal) {
  if (!principal) {
    session.answer_error(session.take_ticket(std::move(id)), principal.error());
    end_for(session, principal.error());
    return;
  }
  const bool is_device = principal->kind == auth::Kind::kDevice;
  const std::size_t home = is_device ? home_of(principal->tenant, principal->subject) : index_;
  if (home == index_) {
    begin(session, std::move(*principal), id);
  } else {
    move_away(session, home, std::move(*principal), std::move(id));
  }
}

void Shard::end_for(Session& session, const Error& refusal) {
  // What says when to come back says nothing against the token.
  const auto code = refusal.code == Code::kRateLimited  ? protocol::CloseCode::kOverRate
                    : refusal.code == Code::kOverloaded ? protocol::CloseCode::kOverloaded
                                                        : protocol::CloseCode::kUnauthenticated;
  session.end(code, refusal.message);
}

void Shard::refresh(Session& session, protocol::RequestId id, const protocol::Auth& request) {
  const ReplyRing::Ticket ticket = session.take_ticket(std::move(id));
  const std::string& remote = session.info().remote;
  if (auto answer = authenticator_.authenticate(request.token, remote)) {
    refreshed_by(session, ticket, std::move(*answer));
    return;
  }
  session.set_awaits_verdict(true);
  authenticator_.wait_for(
      request.token, remote,
      [this, number = session.number(), ticket](Result<auth::Principal> principal) {
        Session* const waiting = connections_.find(number);
        if (waiting == nullptr || waiting->is_ended()) return;
        waiting->set_awaits_verdict(false);
        refreshed_by(*waiting, ticket, std::move(principal));
      });
}

void Shard::refreshed_by(Session& session, ReplyRing::Ticket ticket,
                         Result<auth::Principal> principal) {
  if (!principal && principal.error().code == Code::kUnauthenticated) {
    // Not as an answer in its turn: one that waits for a commit would hold it back.
    const Error error = std::move(principal.error());
    session.end(protocol::CloseCode::kUnauthenticated, error.message, &error,
                session.request_id(ticket));
    return;
  }
  if (!principal) {
    // The token it has is good still.
    session.answer_error(ticket, principal.error());
    return;
  }
  if (!auth::is_same_identity(*principal, *session.principal())) {
    const Error error{.code = Code::kForbidden,
                      .message = "a fresh token must be for the same tenant, kind and subject"};
    session.answer_error(ticket, error);
    return;
  }
  session.set_principal(std::move(*principal));
  joins_.set_principal(session);
  session.answer_ok(ticket);
  arm(session, session.fire(ports_.clock.steady_ms()));
}

}  // namespace fairlead::hub
