-- Commands to many at once. Where the members stand is said by device_commands until a fleet is
-- settled; then its counts are kept here.
CREATE TABLE fleets (
  id TEXT PRIMARY KEY CHECK (id <> ''),
  tenant TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  name TEXT NOT NULL,
  params TEXT,
  timeout_ms INTEGER NOT NULL,
  delivery TEXT NOT NULL CHECK (delivery IN ('now', 'queue')),
  max_in_flight INTEGER NOT NULL CHECK (max_in_flight > 0),
  stop_after_failures INTEGER CHECK (stop_after_failures > 0),
  idempotency_key TEXT,
  -- A line each: the key, a space, the id.
  members TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
  is_cancelled INTEGER NOT NULL CHECK (is_cancelled IN (0, 1)),
  is_settled INTEGER NOT NULL CHECK (is_settled IN (0, 1)),
  waiting INTEGER NOT NULL CHECK (waiting >= 0),
  executed INTEGER NOT NULL CHECK (executed >= 0),
  failed INTEGER NOT NULL CHECK (failed >= 0),
  expired INTEGER NOT NULL CHECK (expired >= 0),
  cancelled INTEGER NOT NULL CHECK (cancelled >= 0)
) STRICT;
CREATE INDEX fleets_unsettled ON fleets (id) WHERE is_settled = 0;
CREATE INDEX fleets_keyed ON fleets (issued_at, id) WHERE idempotency_key IS NOT NULL;
CREATE INDEX device_commands_of_fleet ON device_commands (fleet) WHERE fleet IS NOT NULL;
