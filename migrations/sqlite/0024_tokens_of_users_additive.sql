-- Tokens that belong to a user (without an owner: to the installation), expire, and are recognised
-- by their first characters.
ALTER TABLE tokens ADD COLUMN owner_id BLOB REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
ALTER TABLE tokens ADD COLUMN last_used_at INTEGER;
ALTER TABLE tokens ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_by_owner ON tokens (owner_id) WHERE owner_id IS NOT NULL;
