-- Whose sessions they are, for their listing; NULL for what is not listed, such as session tokens.
-- seen is the last use.
ALTER TABLE sessions ADD COLUMN owner TEXT;
ALTER TABLE sessions ADD COLUMN seen BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS sessions_owner ON sessions (owner, seen);
