-- What the console sorts and filters tokens by. Rows made before have 0 and are filled in at the start.
ALTER TABLE tokens ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
-- The scopes, each with a blank before and behind it.
ALTER TABLE tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS tokens_created ON tokens (created, id);
-- Every token has a row here; time is 0 until it is used.
CREATE INDEX IF NOT EXISTS token_access_time ON token_access (time, id);
