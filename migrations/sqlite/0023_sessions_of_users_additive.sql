-- Whose session it is, so that a user's sessions are found by an index. Computed from the session's
-- data, which versions without this column write too.
ALTER TABLE sessions ADD COLUMN user_key TEXT
  GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN json_extract(data, '$.user') END) VIRTUAL;
CREATE INDEX sessions_by_user ON sessions (user_key) WHERE user_key IS NOT NULL;
