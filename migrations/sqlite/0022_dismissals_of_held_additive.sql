-- Held deliveries can be dismissed too. SQLite changes the condition of a column only by copying its table.
CREATE TABLE dismissals_new (
  id          BLOB NOT NULL PRIMARY KEY,
  hook_id     BLOB NOT NULL REFERENCES hooks (id),
  state       TEXT NOT NULL CHECK (state IN ('failed', 'skipped', 'held')),
  answer      TEXT,
  reason      TEXT NOT NULL,
  number      INTEGER NOT NULL,
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  undone_by   TEXT,
  undone_at   INTEGER
) STRICT;
INSERT INTO dismissals_new SELECT * FROM dismissals;
DROP TABLE dismissals;
ALTER TABLE dismissals_new RENAME TO dismissals;
