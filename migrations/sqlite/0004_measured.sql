-- What an attempt spent its time on, in microseconds, and the address it reached. NULL: it did not come to that, or a
-- connection was used again.
ALTER TABLE attempts ADD COLUMN dns_us INTEGER;
ALTER TABLE attempts ADD COLUMN connect_us INTEGER;
ALTER TABLE attempts ADD COLUMN tls_us INTEGER;
ALTER TABLE attempts ADD COLUMN first_byte_us INTEGER;
ALTER TABLE attempts ADD COLUMN body_us INTEGER;
ALTER TABLE attempts ADD COLUMN address TEXT;

-- What the last failure of a hook that is not well was.
ALTER TABLE health ADD COLUMN last_class TEXT;
ALTER TABLE health ADD COLUMN last_status INTEGER;

-- Attempts by hook, hour (since 1970) and what came of them, and how long they took: what the charts are drawn from.
-- Written in the transactions that record the attempts. Tests are not in them.
CREATE TABLE hours (
  hook_id BLOB    NOT NULL,
  hour    INTEGER NOT NULL,
  class   TEXT    NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (hook_id, hour, class)
) STRICT, WITHOUT ROWID;
CREATE TABLE latencies (
  hook_id BLOB    NOT NULL,
  hour    INTEGER NOT NULL,
  bucket  INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (hook_id, hour, bucket)
) STRICT, WITHOUT ROWID;
