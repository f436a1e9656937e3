-- The last tests of a hook are a handful among perhaps millions of deliveries.
CREATE INDEX deliveries_tests_of_hook ON deliveries (hook_id, id) WHERE is_test;
