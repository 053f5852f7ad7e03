-- Everything carries its tenant: what has no column of its own has it through its device.
-- Times are ms since the Unix epoch; JSON is kept as text, byte for byte. Texts that give an order
-- are compared by their bytes, whatever the database's locale.

-- Small numbers of the store itself.
CREATE TABLE meta (
  name text PRIMARY KEY,
  value bigint NOT NULL
);
INSERT INTO meta (name, value) VALUES ('probes', 0), ('last_deleted_key', 0);

-- The hub that writes, and how many batches it has committed: a batch whose answer was lost is
-- looked for here.
CREATE TABLE writers (
  hub text PRIMARY KEY CHECK (hub <> ''),
  batch bigint NOT NULL CHECK (batch >= 0)
);

CREATE FUNCTION record_batch(writer text, number bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE writers SET batch = number WHERE hub = writer AND batch = number - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another fairlead has taken this database over' USING ERRCODE = 'FL001';
  END IF;
END $$;

CREATE TABLE devices (
  key bigint PRIMARY KEY CHECK (key > 0),
  tenant text NOT NULL CHECK (tenant <> ''),
  id text NOT NULL CHECK (id <> ''),
  name text,
  device_type text,
  firmware text,
  capabilities text,
  metadata text,
  status text CHECK (status IN ('ok', 'warning', 'error', 'maintenance')),
  status_detail text,
  session bigint NOT NULL CHECK (session >= 0),
  last_seen bigint,
  disabled boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  UNIQUE (tenant, id)
) WITH (fillfactor = 80);

-- How far a device has come: written once per device and commit, so kept small, with room for the
-- next version of a row beside it.
CREATE TABLE telemetry_progress (
  device bigint PRIMARY KEY REFERENCES devices (key) ON DELETE CASCADE,
  "offset" bigint NOT NULL CHECK ("offset" >= 0),
  epoch text,
  last_seq bigint NOT NULL CHECK (last_seq >= 0),
  last_at bigint NOT NULL
) WITH (fillfactor = 50);

-- The newest value of each metric as of some offset; the samples above it are folded in at a start.
CREATE TABLE telemetry_latest (
  device bigint PRIMARY KEY REFERENCES devices (key) ON DELETE CASCADE,
  checkpoint text NOT NULL
) WITH (fillfactor = 50);

-- One partition a day of `at` (UTC), made by make_telemetry_day(). No foreign key: it would be
-- looked up for every sample, and telemetry_progress, written in the same transaction, has one. A
-- unique key of the whole would have to hold `at`: (device, offset) is unique in each partition,
-- and across them because advance_progress() takes no offset twice.
CREATE TABLE telemetry_data (
  device bigint NOT NULL,
  "offset" bigint NOT NULL CHECK ("offset" > 0),
  ts bigint NOT NULL,
  at bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  metrics text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX telemetry_data_by_ts ON telemetry_data (device, ts, "offset");

-- Attached, not made in place: that would keep every reader out for a moment.
CREATE FUNCTION make_telemetry_day(day bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  part text := 'telemetry_data_' || to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
  first bigint := day * 86400000;
  past bigint := first + 86400000;
BEGIN
  IF to_regclass(part) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE telemetry_data INCLUDING CONSTRAINTS, '
                 'CONSTRAINT one_day CHECK (at >= %s AND at < %s))', part, first, past);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (device, "offset")', part || '_key', part);
  EXECUTE format('ALTER TABLE telemetry_data ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                 part, first, past);
END $$;

-- Every device goes on from where it stands, or none does and the transaction fails: so that a
-- second writer, which believes it stands elsewhere, is fenced off.
CREATE FUNCTION advance_progress(keys bigint[], firsts bigint[], offsets bigint[], epochs text[],
                                 last_seqs bigint[], last_ats bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  advanced bigint;
  stuck record;
BEGIN
  UPDATE telemetry_progress AS p
    SET "offset" = u.last, epoch = u.epoch, last_seq = u.last_seq, last_at = u.last_at
    FROM unnest(keys, firsts, offsets, epochs, last_seqs, last_ats)
      AS u (device, first, last, epoch, last_seq, last_at)
    WHERE p.device = u.device AND p."offset" = u.first - 1;
  GET DIAGNOSTICS advanced = ROW_COUNT;
  IF advanced = cardinality(keys) THEN
    RETURN;
  END IF;
  SELECT u.device, u.first, p."offset" INTO stuck
    FROM unnest(keys, firsts, offsets) AS u (device, first, last)
    LEFT JOIN telemetry_progress AS p ON p.device = u.device
    WHERE p."offset" IS DISTINCT FROM u.last LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'these samples are stored already: another writer was here'
      USING ERRCODE = 'FL002';
  ELSIF stuck."offset" IS NULL THEN
    RAISE EXCEPTION 'telemetry of device %, which is unknown', stuck.device
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RAISE EXCEPTION 'device % stands at offset %, not before %: another writer was here',
    stuck.device, stuck."offset", stuck.first USING ERRCODE = 'FL002';
END $$;

CREATE FUNCTION begin_device() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO telemetry_progress (device, "offset", epoch, last_seq, last_at)
    VALUES (NEW.key, 0, NULL, 0, 0);
  RETURN NULL;
END $$;
CREATE TRIGGER begin_device AFTER INSERT ON devices FOR EACH ROW EXECUTE FUNCTION begin_device();

-- Takes the samples along, and remembers the key so that it is never given again.
CREATE FUNCTION end_device() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM telemetry_data WHERE device = OLD.key;
  UPDATE meta SET value = greatest(value, OLD.key) WHERE name = 'last_deleted_key';
  RETURN NULL;
END $$;
CREATE TRIGGER end_device AFTER DELETE ON devices FOR EACH ROW EXECUTE FUNCTION end_device();

CREATE TABLE device_commands (
  id text COLLATE "C" PRIMARY KEY CHECK (id <> ''),
  device bigint NOT NULL REFERENCES devices (key) ON DELETE CASCADE,
  tenant text NOT NULL,
  device_id text NOT NULL,
  name text NOT NULL,
  params text,
  status text NOT NULL CHECK (status IN ('pending', 'delivered', 'accepted', 'executed', 'failed',
                                         'expired', 'cancelled')),
  result text,
  error text,
  late_result text,
  delivery text NOT NULL CHECK (delivery IN ('now', 'queue')),
  issued_by text NOT NULL,
  issued_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  attempt bigint NOT NULL CHECK (attempt >= 0),
  idempotency_key text,
  fleet text,
  history text NOT NULL
);
CREATE INDEX device_commands_by_device ON device_commands (device, issued_at, id);
CREATE INDEX device_commands_unfinished ON device_commands (issued_at, id)
  WHERE status IN ('pending', 'delivered', 'accepted');
CREATE INDEX device_commands_keyed ON device_commands (issued_at, id)
  WHERE idempotency_key IS NOT NULL;

-- A connection that is open stands here; when it ends it moves to the log.
CREATE TABLE open_connections (
  connection text COLLATE "C" PRIMARY KEY CHECK (connection <> ''),
  tenant text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('device', 'client')),
  subject text NOT NULL,
  remote text NOT NULL,
  connected_at bigint NOT NULL
);

CREATE TABLE connection_logs (
  tenant text NOT NULL,
  disconnected_at bigint NOT NULL,
  connection text COLLATE "C" NOT NULL CHECK (connection <> ''),
  kind text NOT NULL CHECK (kind IN ('device', 'client')),
  subject text NOT NULL,
  remote text NOT NULL,
  connected_at bigint NOT NULL,
  code bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (tenant, disconnected_at, connection)
);
CREATE INDEX connection_logs_by_end ON connection_logs (disconnected_at);
CREATE INDEX connection_logs_of_device
  ON connection_logs (tenant, subject, disconnected_at, connection) WHERE kind = 'device';

-- expires_at 0: never.
CREATE TABLE revoked_tokens (
  tenant text COLLATE "C" NOT NULL,
  jti text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL CHECK (expires_at >= 0),
  PRIMARY KEY (tenant, jti)
);
