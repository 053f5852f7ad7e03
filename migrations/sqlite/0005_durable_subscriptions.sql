-- Durable subscriptions of clients: what they ask for (JSON as text), and when that was used last.
CREATE TABLE subscriptions (
  tenant TEXT NOT NULL CHECK (tenant <> ''),
  subject TEXT NOT NULL CHECK (subject <> ''),
  name TEXT NOT NULL CHECK (name <> ''),
  definition TEXT NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, subject, name)
) STRICT, WITHOUT ROWID;
