-- Filters of the list of deliveries that a user saved under a name. A user has one view of each name.
CREATE TABLE saved_views (
  id BLOB PRIMARY KEY NOT NULL,
  user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  UNIQUE (user_id, name)
) STRICT;
