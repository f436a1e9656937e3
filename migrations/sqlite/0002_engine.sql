-- What the delivery engine keeps beside the deliveries: a hook's own settings and health, who delivers for which hook,
-- jobs, and counters that several nodes can write without waiting for each other.

ALTER TABLE hooks ADD COLUMN retry_schedule TEXT;
ALTER TABLE hooks ADD COLUMN timeout_ms INTEGER;
ALTER TABLE hooks ADD COLUMN in_flight INTEGER;
ALTER TABLE hooks ADD COLUMN rate_per_second INTEGER;
ALTER TABLE hooks ADD COLUMN order_by TEXT;

-- Only hooks that are not well have a row. `probes` and `probe_at` are of a hook that is paused.
CREATE TABLE health (
  hook_id       BLOB    NOT NULL PRIMARY KEY REFERENCES hooks (id),
  failures      INTEGER NOT NULL,
  failing_since INTEGER NOT NULL,
  paused_at     INTEGER,
  probe_at      INTEGER,
  probes        INTEGER NOT NULL
);

ALTER TABLE deliveries ADD COLUMN order_key TEXT;
ALTER TABLE deliveries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
-- With the size, so that what waits can be weighed from the indexes alone.
DROP INDEX deliveries_pending;
DROP INDEX deliveries_waiting;
DROP INDEX deliveries_held;
CREATE INDEX deliveries_pending ON deliveries (hook_id, due_at, id, size) WHERE state = 'pending';
CREATE INDEX deliveries_waiting ON deliveries (hook_id, due_at, id, size) WHERE state = 'waiting';
CREATE INDEX deliveries_held ON deliveries (hook_id, id, size) WHERE state = 'held';
CREATE INDEX deliveries_ordered ON deliveries (hook_id, order_key, id)
  WHERE order_key IS NOT NULL AND state IN ('pending', 'waiting', 'held');

-- When the body was removed by retention.
ALTER TABLE events ADD COLUMN pruned_at INTEGER;

-- Several servers on one PostgreSQL: which are alive, and which of them delivers for which hook until when.
CREATE TABLE nodes (
  id         BLOB    NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  until      INTEGER NOT NULL
);
CREATE TABLE lanes (
  hook_id BLOB    NOT NULL PRIMARY KEY REFERENCES hooks (id),
  node_id BLOB,
  fence   INTEGER NOT NULL,
  until   INTEGER NOT NULL
);

CREATE TABLE jobs (
  id          BLOB    NOT NULL PRIMARY KEY,
  kind        TEXT    NOT NULL CHECK (kind IN ('redeliver', 'recover')),
  state       TEXT    NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
  filter      TEXT    NOT NULL,
  per_second  INTEGER NOT NULL,
  total       INTEGER NOT NULL,
  done        INTEGER NOT NULL DEFAULT 0,
  skipped     INTEGER NOT NULL DEFAULT 0,
  cursor      BLOB,
  created_by  TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  node_id     BLOB,
  until       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';

CREATE TABLE sharded_counters (
  name  TEXT    NOT NULL,
  shard INTEGER NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (name, shard)
);
INSERT INTO sharded_counters (name, shard, value) SELECT name, 0, value FROM counters;
INSERT INTO sharded_counters (name, shard, value) VALUES ('hooks_version', 0, 0);
DROP TABLE counters;
ALTER TABLE sharded_counters RENAME TO counters;
