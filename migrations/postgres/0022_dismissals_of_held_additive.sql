-- Held deliveries can be dismissed too.
ALTER TABLE dismissals DROP CONSTRAINT dismissals_state_check;
ALTER TABLE dismissals ADD CONSTRAINT dismissals_state_check CHECK (state IN ('failed', 'skipped', 'held'));
