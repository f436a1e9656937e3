-- A value that everybody knows, sealed by the master key: whether a key fits is seen before anything relies on it.
CREATE TABLE known_value (
  id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  sealed BYTEA  NOT NULL
);
