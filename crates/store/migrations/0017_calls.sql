-- Calls under an idempotency key. Without an answer a call is under way, until then at the longest; the answer is sealed.
CREATE TABLE IF NOT EXISTS calls (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    holder TEXT NOT NULL,
    answer {BLOB},
    expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_expires ON calls (expires);

-- What gateways and templates are found by: id, name and what is said of them, folded. Those that are there already are
-- folded as far as the engine can, until they are written again.
ALTER TABLE gateways ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE gateways SET search = LOWER(gateway || ' ' || name);
ALTER TABLE templates ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE templates SET search = LOWER(id || ' ' || name || ' ' || COALESCE(description, ''));
