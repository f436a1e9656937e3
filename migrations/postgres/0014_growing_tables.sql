-- Of one target a page shows a few lines; the log of all of them grows for ever.
CREATE INDEX audit_by_target ON audit (target, id);
