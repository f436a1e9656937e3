-- What the log is searched by, besides the order in which it was written. None of these indexes holds what is on its way
-- for the first time, nor what arrived: a delivery that simply works is written to none of them. Their last columns are
-- there so that counting needs no row. (Those of one hook spell the same condition the other way round: so SQLite never
-- takes them for questions about all hooks.)
CREATE INDEX deliveries_by_state ON deliveries (state, id, last_class, is_test)
  WHERE state NOT IN ('pending', 'delivered');
CREATE INDEX deliveries_of_hook_by_state ON deliveries (hook_id, state, id, last_class, is_test)
  WHERE state NOT IN ('delivered', 'pending');
CREATE INDEX deliveries_by_answer ON deliveries (last_class, id, state, is_test)
  WHERE last_class <> 'success';
CREATE INDEX deliveries_of_hook_by_answer ON deliveries (hook_id, last_class, id, state, is_test)
  WHERE 'success' <> last_class;
CREATE INDEX deliveries_tests ON deliveries (id) WHERE is_test;
