-- Events are kept for a while, with what became of their deliveries. size is that of the payload, bytes.
ALTER TABLE events ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
UPDATE events SET size = LENGTH(payload);
DROP INDEX IF EXISTS events_created;
CREATE INDEX IF NOT EXISTS events_created ON events (created, account, seq, size);
CREATE INDEX IF NOT EXISTS events_account ON events (account, created, seq);
CREATE INDEX IF NOT EXISTS events_type ON events (type, created, account, seq);
-- state may also be done now. history is a JSON array of the last attempts.
ALTER TABLE deliveries ADD COLUMN history TEXT;
CREATE INDEX IF NOT EXISTS deliveries_done ON deliveries (created) WHERE state = 'done';
