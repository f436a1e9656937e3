-- Times are milliseconds since 1970 (UTC). Ids are UUIDs of version 7. What each table means stands in src/engine/store.

CREATE TABLE users (
  id            UUID    NOT NULL PRIMARY KEY,
  email         TEXT    NOT NULL,
  email_folded  TEXT    NOT NULL CONSTRAINT users_email_unique UNIQUE,
  name          TEXT    NOT NULL,
  password_hash TEXT    NOT NULL,
  disabled      BOOLEAN NOT NULL DEFAULT FALSE,
  created_at    BIGINT NOT NULL
);

CREATE TABLE user_roles (
  user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role    TEXT NOT NULL,
  PRIMARY KEY (user_id, role)
);

CREATE TABLE sessions (
  id_hash    BYTEA    NOT NULL PRIMARY KEY,
  data       TEXT    NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE drafts (
  id           UUID    NOT NULL PRIMARY KEY,
  session_hash BYTEA    NOT NULL,
  sealed       BYTEA    NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX drafts_by_expiry ON drafts (expires_at);

CREATE TABLE setup_links (
  token_hash BYTEA    NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

CREATE TABLE tokens (
  id           UUID    NOT NULL PRIMARY KEY,
  name         TEXT    NOT NULL,
  secret_hash  BYTEA    NOT NULL CONSTRAINT tokens_secret_unique UNIQUE,
  permissions  TEXT    NOT NULL,
  created_at   BIGINT NOT NULL,
  revoked_at   BIGINT
);

CREATE TABLE hooks (
  id             UUID    NOT NULL PRIMARY KEY,
  name           TEXT    NOT NULL,
  event_type     TEXT    NOT NULL,
  callback_url   TEXT    NOT NULL,
  enabled        BOOLEAN NOT NULL,
  off_reason     TEXT,
  api_key        BYTEA    NOT NULL,
  api_key_hint   TEXT    NOT NULL,
  signing_secret BYTEA    NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL,
  version        BIGINT NOT NULL,
  deleted_at     BIGINT
);
CREATE INDEX hooks_by_event ON hooks (event_type, id) WHERE deleted_at IS NULL;

CREATE TABLE events (
  id         UUID    NOT NULL PRIMARY KEY,
  event_type TEXT    NOT NULL,
  body       BYTEA    NOT NULL,
  is_test    BOOLEAN NOT NULL,
  source     TEXT    NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
  id               UUID    NOT NULL PRIMARY KEY,
  event_id         UUID    NOT NULL REFERENCES events (id),
  hook_id          UUID    NOT NULL REFERENCES hooks (id),
  event_type       TEXT    NOT NULL,
  state            TEXT    NOT NULL
    CHECK (state IN ('pending', 'waiting', 'held', 'delivered', 'failed', 'skipped', 'cancelled')),
  reason           TEXT,
  is_test          BOOLEAN NOT NULL,
  attempts         BIGINT NOT NULL DEFAULT 0,
  -- Attempts made before it was last sent again by hand: the schedule counts from there.
  tries_before     BIGINT NOT NULL DEFAULT 0,
  last_class       TEXT,
  last_status      BIGINT,
  last_duration_ms BIGINT,
  due_at           BIGINT,
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL
);
CREATE INDEX deliveries_pending ON deliveries (hook_id, due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_waiting ON deliveries (hook_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_held ON deliveries (hook_id, id) WHERE state = 'held';
CREATE INDEX deliveries_by_hook ON deliveries (hook_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);

CREATE TABLE attempts (
  delivery_id      UUID    NOT NULL REFERENCES deliveries (id),
  number           BIGINT NOT NULL,
  started_at       BIGINT NOT NULL,
  duration_ms      BIGINT NOT NULL,
  class            TEXT    NOT NULL,
  status           BIGINT,
  detail           TEXT,
  url              TEXT    NOT NULL,
  response_headers TEXT    NOT NULL,
  response_body    BYTEA    NOT NULL,
  response_cut     BOOLEAN NOT NULL,
  PRIMARY KEY (delivery_id, number)
);

CREATE TABLE idempotency (
  key_hash   BYTEA    NOT NULL CONSTRAINT idempotency_key_unique PRIMARY KEY,
  body_hash  BYTEA    NOT NULL,
  answer     TEXT    NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Written in the same transactions as the deliveries, yet counted apart from them: the balance can fail, and is checked.
CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('accepted', 0), ('pruned', 0);

CREATE TABLE audit (
  id     UUID    NOT NULL PRIMARY KEY,
  at     BIGINT NOT NULL,
  actor  TEXT    NOT NULL,
  action TEXT    NOT NULL,
  target TEXT    NOT NULL,
  detail TEXT    NOT NULL
);
