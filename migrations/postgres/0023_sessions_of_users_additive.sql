-- Whose session it is, so that a user's sessions are found by an index. Computed from the session's
-- data, which versions without this column write too. (A conversion to JSON is not immutable, so a
-- generated column can't use it. Inside of a JSON text the quotes are escaped.)
ALTER TABLE sessions ADD COLUMN user_key TEXT
  GENERATED ALWAYS AS (substring(data FROM '"user":"([0-9a-f-]{36})"')) STORED;
CREATE INDEX sessions_by_user ON sessions (user_key) WHERE user_key IS NOT NULL;
