-- Samples are appended to a table without an index, telemetry_open_<n>. When it is full another is
-- begun, and it becomes a file of its own, segments/<n>.db, sorted by device.
DROP INDEX telemetry_data_by_offset;
DROP INDEX telemetry_data_by_ts;
ALTER TABLE telemetry_data RENAME TO telemetry_open_1;

-- The files that stand for tables which are gone.
CREATE TABLE telemetry_segments (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  rows INTEGER NOT NULL CHECK (rows > 0),
  bytes INTEGER NOT NULL CHECK (bytes > 0),
  min_at INTEGER NOT NULL,
  max_at INTEGER NOT NULL CHECK (max_at >= min_at)
) STRICT;

-- Devices that are gone, and whose samples may still lie in files.
CREATE TABLE removed_devices (
  key INTEGER PRIMARY KEY CHECK (key > 0)
) STRICT;
