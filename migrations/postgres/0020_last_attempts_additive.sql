-- When the last of these attempts started. 0: unknown, because it was counted by an earlier version.
ALTER TABLE hours ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
