-- How a person wants to see the portal: theme, zone of the times, 24 or 12 hours.
ALTER TABLE users ADD COLUMN theme TEXT NOT NULL DEFAULT 'system';
ALTER TABLE users ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE users ADD COLUMN hours INTEGER NOT NULL DEFAULT 24;
