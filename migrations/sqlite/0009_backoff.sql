-- A hook is given up after failures that are spread over the time, not after one old and one new failure: how long
-- nothing but failures was seen, and when the last one was.
ALTER TABLE health ADD COLUMN failed_at INTEGER;
ALTER TABLE health ADD COLUMN failed_for INTEGER NOT NULL DEFAULT 0;
-- The receiver asked to be left alone until then.
ALTER TABLE health ADD COLUMN waits_until INTEGER;
-- The held delivery that a person wants the next probe to be made with.
ALTER TABLE health ADD COLUMN probe_id BLOB;

-- Hooks whose waiting deliveries are to be sent before their time, and how far along their due times that has come.
CREATE TABLE forwards (
  hook_id     BLOB    NOT NULL PRIMARY KEY REFERENCES hooks (id),
  asked_at    INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  delivery_id BLOB    NOT NULL
);
