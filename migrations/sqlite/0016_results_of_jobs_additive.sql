-- Which job redelivered a delivery last: a job's page counts what became of its deliveries. Only those are in the index.
ALTER TABLE deliveries ADD COLUMN job_id BLOB;
CREATE INDEX deliveries_of_job ON deliveries (job_id, state) WHERE job_id IS NOT NULL;

-- A person said that failed or skipped deliveries of a hook need not be sent. They are cancelled, and remember why they
-- were skipped, so that the dismissal can be undone.
CREATE TABLE dismissals (
  id          BLOB NOT NULL PRIMARY KEY,
  hook_id     BLOB NOT NULL REFERENCES hooks (id),
  state       TEXT NOT NULL CHECK (state IN ('failed', 'skipped')),
  answer      TEXT,
  reason      TEXT NOT NULL,
  number      INTEGER NOT NULL,
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  undone_by   TEXT,
  undone_at   INTEGER
) STRICT;
ALTER TABLE deliveries ADD COLUMN dismissal_id BLOB;
ALTER TABLE deliveries ADD COLUMN reason_before TEXT;
CREATE INDEX deliveries_dismissed ON deliveries (dismissal_id, id) WHERE dismissal_id IS NOT NULL;
