-- The last tests of a hook are a handful among perhaps millions of deliveries.
CREATE INDEX deliveries_tests ON deliveries (hook_id, id) WHERE is_test;
