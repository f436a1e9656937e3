-- Why the portal paused a job by itself: it could not go on.
ALTER TABLE jobs ADD COLUMN problem TEXT;
