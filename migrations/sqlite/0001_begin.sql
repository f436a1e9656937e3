-- Times are milliseconds since 1970 (UTC). Ids are UUIDs of version 7. What each table means stands in src/engine/store.

CREATE TABLE users (
  id            BLOB    NOT NULL PRIMARY KEY,
  email         TEXT    NOT NULL,
  email_folded  TEXT    NOT NULL CONSTRAINT users_email_unique UNIQUE,
  name          TEXT    NOT NULL,
  password_hash TEXT    NOT NULL,
  disabled      INTEGER NOT NULL DEFAULT 0,
  created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE user_roles (
  user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role    TEXT NOT NULL,
  PRIMARY KEY (user_id, role)
) STRICT;

CREATE TABLE sessions (
  id_hash    BLOB    NOT NULL PRIMARY KEY,
  data       TEXT    NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE drafts (
  id           BLOB    NOT NULL PRIMARY KEY,
  session_hash BLOB    NOT NULL,
  sealed       BLOB    NOT NULL,
  expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX drafts_by_expiry ON drafts (expires_at);

CREATE TABLE setup_links (
  token_hash BLOB    NOT NULL PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  id           BLOB    NOT NULL PRIMARY KEY,
  name         TEXT    NOT NULL,
  secret_hash  BLOB    NOT NULL CONSTRAINT tokens_secret_unique UNIQUE,
  permissions  TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  revoked_at   INTEGER
) STRICT;

CREATE TABLE hooks (
  id             BLOB    NOT NULL PRIMARY KEY,
  name           TEXT    NOT NULL,
  event_type     TEXT    NOT NULL,
  callback_url   TEXT    NOT NULL,
  enabled        INTEGER NOT NULL,
  off_reason     TEXT,
  api_key        BLOB    NOT NULL,
  api_key_hint   TEXT    NOT NULL,
  signing_secret BLOB    NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  version        INTEGER NOT NULL,
  deleted_at     INTEGER
) STRICT;
CREATE INDEX hooks_by_event ON hooks (event_type, id) WHERE deleted_at IS NULL;

CREATE TABLE events (
  id         BLOB    NOT NULL PRIMARY KEY,
  event_type TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  is_test    INTEGER NOT NULL,
  source     TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
  id               BLOB    NOT NULL PRIMARY KEY,
  event_id         BLOB    NOT NULL REFERENCES events (id),
  hook_id          BLOB    NOT NULL REFERENCES hooks (id),
  event_type       TEXT    NOT NULL,
  state            TEXT    NOT NULL
    CHECK (state IN ('pending', 'waiting', 'held', 'delivered', 'failed', 'skipped', 'cancelled')),
  reason           TEXT,
  is_test          INTEGER NOT NULL,
  attempts         INTEGER NOT NULL DEFAULT 0,
  -- Attempts made before it was last sent again by hand: the schedule counts from there.
  tries_before     INTEGER NOT NULL DEFAULT 0,
  last_class       TEXT,
  last_status      INTEGER,
  last_duration_ms INTEGER,
  due_at           INTEGER,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (hook_id, due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_waiting ON deliveries (hook_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_held ON deliveries (hook_id, id) WHERE state = 'held';
CREATE INDEX deliveries_by_hook ON deliveries (hook_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);

CREATE TABLE attempts (
  delivery_id      BLOB    NOT NULL REFERENCES deliveries (id),
  number           INTEGER NOT NULL,
  started_at       INTEGER NOT NULL,
  duration_ms      INTEGER NOT NULL,
  class            TEXT    NOT NULL,
  status           INTEGER,
  detail           TEXT,
  url              TEXT    NOT NULL,
  response_headers TEXT    NOT NULL,
  response_body    BLOB    NOT NULL,
  response_cut     INTEGER NOT NULL,
  PRIMARY KEY (delivery_id, number)
) STRICT;

CREATE TABLE idempotency (
  key_hash   BLOB    NOT NULL CONSTRAINT idempotency_key_unique PRIMARY KEY,
  body_hash  BLOB    NOT NULL,
  answer     TEXT    NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Written in the same transactions as the deliveries, yet counted apart from them: the balance can fail, and is checked.
CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('accepted', 0), ('pruned', 0);

CREATE TABLE audit (
  id     BLOB    NOT NULL PRIMARY KEY,
  at     INTEGER NOT NULL,
  actor  TEXT    NOT NULL,
  action TEXT    NOT NULL,
  target TEXT    NOT NULL,
  detail TEXT    NOT NULL
) STRICT;
