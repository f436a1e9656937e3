-- A request with an Idempotency-Key that makes or sends something holds its key while it is carried out (holder,
-- held_until). What it made is written in the transaction that makes it (made), its answer once there is one (sealed: the
-- answer to a hook's creation contains a secret). Rows of accepted events have none of these.
ALTER TABLE idempotency ADD COLUMN holder BLOB;
ALTER TABLE idempotency ADD COLUMN held_until INTEGER;
ALTER TABLE idempotency ADD COLUMN made TEXT;
ALTER TABLE idempotency ADD COLUMN sealed BLOB;

-- Written by every transaction that begins a job: two nodes cannot begin overlapping jobs at the same moment.
INSERT INTO counters (name, shard, value) VALUES ('jobs_begun', 0, 0);
