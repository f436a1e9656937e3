-- A lease is a node's, not a lane's: a lane is its node's for as long as that is listed in `nodes`. So nothing is written to
-- `lanes` while nothing changes hands, and lanes.until has no meaning any more.
ALTER TABLE nodes ADD COLUMN retiring BOOLEAN NOT NULL DEFAULT FALSE;
-- By how much the node's own clock is ahead of the database's.
ALTER TABLE nodes ADD COLUMN skew_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX lanes_by_node ON lanes (node_id);
-- Moves when a lane was given back: then another node looks for free ones.
INSERT INTO counters (name, shard, value) VALUES ('lanes_version', 0, 0);

-- The value of `hooks_version` at the last change of a hook or of its health: so it can be asked which hooks changed.
ALTER TABLE hooks ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX hooks_by_change ON hooks (changed);
