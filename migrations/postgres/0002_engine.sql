-- What the delivery engine keeps beside the deliveries: a hook's own settings and health, who delivers for which hook,
-- jobs, and counters that several nodes can write without waiting for each other.

ALTER TABLE hooks ADD COLUMN retry_schedule TEXT;
ALTER TABLE hooks ADD COLUMN timeout_ms BIGINT;
ALTER TABLE hooks ADD COLUMN in_flight BIGINT;
ALTER TABLE hooks ADD COLUMN rate_per_second BIGINT;
ALTER TABLE hooks ADD COLUMN order_by TEXT;

-- Only hooks that are not well have a row. `probes` and `probe_at` are of a hook that is paused.
CREATE TABLE health (
  hook_id       UUID    NOT NULL PRIMARY KEY REFERENCES hooks (id),
  failures      BIGINT NOT NULL,
  failing_since BIGINT NOT NULL,
  paused_at     BIGINT,
  probe_at      BIGINT,
  probes        BIGINT NOT NULL
);

ALTER TABLE deliveries ADD COLUMN order_key TEXT;
ALTER TABLE deliveries ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
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
ALTER TABLE events ADD COLUMN pruned_at BIGINT;

-- Several servers on one PostgreSQL: which are alive, and which of them delivers for which hook until when.
CREATE TABLE nodes (
  id         UUID    NOT NULL PRIMARY KEY,
  started_at BIGINT NOT NULL,
  until      BIGINT NOT NULL
);
CREATE TABLE lanes (
  hook_id UUID    NOT NULL PRIMARY KEY REFERENCES hooks (id),
  node_id UUID,
  fence   BIGINT NOT NULL,
  until   BIGINT NOT NULL
);

CREATE TABLE jobs (
  id          UUID    NOT NULL PRIMARY KEY,
  kind        TEXT    NOT NULL CHECK (kind IN ('redeliver', 'recover')),
  state       TEXT    NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
  filter      TEXT    NOT NULL,
  per_second  BIGINT NOT NULL,
  total       BIGINT NOT NULL,
  done        BIGINT NOT NULL DEFAULT 0,
  skipped     BIGINT NOT NULL DEFAULT 0,
  cursor      UUID,
  created_by  TEXT    NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  node_id     UUID,
  until       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';

CREATE TABLE sharded_counters (
  name  TEXT    NOT NULL,
  shard BIGINT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (name, shard)
);
INSERT INTO sharded_counters (name, shard, value) SELECT name, 0, value FROM counters;
INSERT INTO sharded_counters (name, shard, value) VALUES ('hooks_version', 0, 0);
DROP TABLE counters;
ALTER TABLE sharded_counters RENAME TO counters;
