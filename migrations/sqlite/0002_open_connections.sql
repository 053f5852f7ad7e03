-- A connection that is open stands in a small table; when it ends it moves to the log, which is
-- kept in the order in which it is listed. A row was in five B-trees before, and found its place in
-- one of them by its text at the end.
CREATE TABLE open_connections (
  connection TEXT PRIMARY KEY CHECK (connection <> ''),
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('device', 'client')),
  subject TEXT NOT NULL,
  remote TEXT NOT NULL,
  connected_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO open_connections
  SELECT connection, tenant, kind, subject, remote, connected_at FROM connection_logs
  WHERE disconnected_at IS NULL;

ALTER TABLE connection_logs RENAME TO connection_logs_before;
CREATE TABLE connection_logs (
  tenant TEXT NOT NULL,
  disconnected_at INTEGER NOT NULL,
  connection TEXT NOT NULL CHECK (connection <> ''),
  kind TEXT NOT NULL CHECK (kind IN ('device', 'client')),
  subject TEXT NOT NULL,
  remote TEXT NOT NULL,
  connected_at INTEGER NOT NULL,
  code INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, disconnected_at, connection)
) STRICT, WITHOUT ROWID;
INSERT INTO connection_logs
  SELECT tenant, disconnected_at, connection, kind, subject, remote, connected_at, code, reason
  FROM connection_logs_before WHERE disconnected_at IS NOT NULL;
DROP TABLE connection_logs_before;
CREATE INDEX connection_logs_of_device
  ON connection_logs (tenant, subject, disconnected_at, connection) WHERE kind = 'device';
