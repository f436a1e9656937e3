-- What the connections of a node call themselves, and where its process is: by these another node can tell that it ended
-- without a word, before its leases do.
ALTER TABLE nodes ADD COLUMN session TEXT;
ALTER TABLE nodes ADD COLUMN place TEXT;
