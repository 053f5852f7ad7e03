-- Durable subscriptions of clients: what they ask for (JSON as text), and when that was used last.
CREATE TABLE subscriptions (
  tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
  subject text COLLATE "C" NOT NULL CHECK (subject <> ''),
  name text COLLATE "C" NOT NULL CHECK (name <> ''),
  definition text NOT NULL,
  used_at bigint NOT NULL,
  PRIMARY KEY (tenant, subject, name)
);
