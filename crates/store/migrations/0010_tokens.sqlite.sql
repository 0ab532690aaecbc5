-- Searching tokens reads this instead of the rows. Not on PostgreSQL, whose index entries are too small for the longest
-- of them.
CREATE INDEX IF NOT EXISTS tokens_listing ON tokens (created, id, search, scopes);
