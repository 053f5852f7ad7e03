-- Everything carries its tenant: what has no column of its own has it through its device.
-- Times are ms since the Unix epoch; JSON is kept as text.

-- Small numbers of the store itself.
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('probes', 0);

-- AUTOINCREMENT: the key of a deleted device is never given again.
CREATE TABLE devices (
  key INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key > 0),
  tenant TEXT NOT NULL CHECK (tenant <> ''),
  id TEXT NOT NULL CHECK (id <> ''),
  name TEXT,
  device_type TEXT,
  firmware TEXT,
  capabilities TEXT,
  metadata TEXT,
  status TEXT CHECK (status IN ('ok', 'warning', 'error', 'maintenance')),
  status_detail TEXT,
  session INTEGER NOT NULL CHECK (session >= 0),
  last_seen INTEGER,
  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (tenant, id)
) STRICT;

-- How far a device has come: written once per device and commit, so kept small.
CREATE TABLE telemetry_progress (
  device INTEGER PRIMARY KEY REFERENCES devices (key) ON DELETE CASCADE,
  offset INTEGER NOT NULL CHECK (offset >= 0),
  epoch TEXT,
  last_seq INTEGER NOT NULL CHECK (last_seq >= 0),
  last_at INTEGER NOT NULL
) STRICT;

-- The newest value of each metric as of some offset; the samples above it are folded in at a start.
CREATE TABLE telemetry_latest (
  device INTEGER PRIMARY KEY REFERENCES devices (key) ON DELETE CASCADE,
  checkpoint TEXT NOT NULL
) STRICT;

-- No foreign key: it would be looked up for every sample, and telemetry_progress, written in the
-- same transaction, has one.
CREATE TABLE telemetry_data (
  device INTEGER NOT NULL,
  offset INTEGER NOT NULL CHECK (offset > 0),
  ts INTEGER NOT NULL,
  at INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  metrics TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX telemetry_data_by_offset ON telemetry_data (device, offset);
CREATE INDEX telemetry_data_by_ts ON telemetry_data (device, ts, offset);

CREATE TABLE device_commands (
  id TEXT PRIMARY KEY CHECK (id <> ''),
  device INTEGER NOT NULL REFERENCES devices (key) ON DELETE CASCADE,
  tenant TEXT NOT NULL,
  device_id TEXT NOT NULL,
  name TEXT NOT NULL,
  params TEXT,
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'accepted', 'executed', 'failed',
                                         'expired', 'cancelled')),
  result TEXT,
  error TEXT,
  late_result TEXT,
  delivery TEXT NOT NULL CHECK (delivery IN ('now', 'queue')),
  issued_by TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 0),
  idempotency_key TEXT,
  fleet TEXT,
  history TEXT NOT NULL
) STRICT;
CREATE INDEX device_commands_by_device ON device_commands (device, issued_at DESC, id DESC);
CREATE INDEX device_commands_unfinished ON device_commands (issued_at, id)
  WHERE status IN ('pending', 'delivered', 'accepted');
CREATE INDEX device_commands_keyed ON device_commands (issued_at, id)
  WHERE idempotency_key IS NOT NULL;

CREATE TABLE connection_logs (
  connection TEXT PRIMARY KEY CHECK (connection <> ''),
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('device', 'client')),
  subject TEXT NOT NULL,
  remote TEXT NOT NULL,
  connected_at INTEGER NOT NULL,
  disconnected_at INTEGER,
  code INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX connection_logs_open ON connection_logs (connection) WHERE disconnected_at IS NULL;
CREATE INDEX connection_logs_ended ON connection_logs (tenant, disconnected_at, connection)
  WHERE disconnected_at IS NOT NULL;
CREATE INDEX connection_logs_of_device
  ON connection_logs (tenant, subject, disconnected_at, connection)
  WHERE disconnected_at IS NOT NULL AND kind = 'device';

-- expires_at 0: never.
CREATE TABLE revoked_tokens (
  tenant TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at >= 0),
  PRIMARY KEY (tenant, jti)
) STRICT, WITHOUT ROWID;
