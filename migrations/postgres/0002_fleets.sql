-- Commands to many at once. Where the members stand is said by device_commands until a fleet is
-- settled; then its counts are kept here.
CREATE TABLE fleets (
  id text COLLATE "C" PRIMARY KEY CHECK (id <> ''),
  tenant text NOT NULL,
  issued_by text NOT NULL,
  issued_at bigint NOT NULL,
  name text NOT NULL,
  params text,
  timeout_ms bigint NOT NULL,
  delivery text NOT NULL CHECK (delivery IN ('now', 'queue')),
  max_in_flight bigint NOT NULL CHECK (max_in_flight > 0),
  stop_after_failures bigint CHECK (stop_after_failures > 0),
  idempotency_key text,
  -- A line each: the key, a space, the id.
  members text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
  is_cancelled boolean NOT NULL,
  is_settled boolean NOT NULL,
  waiting bigint NOT NULL CHECK (waiting >= 0),
  executed bigint NOT NULL CHECK (executed >= 0),
  failed bigint NOT NULL CHECK (failed >= 0),
  expired bigint NOT NULL CHECK (expired >= 0),
  cancelled bigint NOT NULL CHECK (cancelled >= 0)
);
CREATE INDEX fleets_unsettled ON fleets (id) WHERE NOT is_settled;
CREATE INDEX fleets_keyed ON fleets (issued_at, id) WHERE idempotency_key IS NOT NULL;
CREATE INDEX device_commands_of_fleet ON device_commands (fleet) WHERE fleet IS NOT NULL;
