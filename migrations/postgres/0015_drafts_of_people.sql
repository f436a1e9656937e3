-- Whose draft it is: drafts are counted by person, whatever the number of their sessions.
ALTER TABLE drafts ADD COLUMN user_id UUID;
CREATE INDEX drafts_by_user ON drafts (user_id, id);
