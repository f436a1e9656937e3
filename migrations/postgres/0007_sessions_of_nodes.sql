-- What the connections of a node call themselves: when none of them is left, the node is gone, whatever its lease says.
ALTER TABLE nodes ADD COLUMN session TEXT;
