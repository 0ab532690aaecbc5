-- Links to the hosted form that were used, as long as they would be valid: how often settings were tried with them, and
-- the account that was made. A link that was not used yet has no row.
CREATE TABLE IF NOT EXISTS hosted_links (
    nonce TEXT PRIMARY KEY,
    probes BIGINT NOT NULL,
    account TEXT,
    expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS hosted_links_expires ON hosted_links (expires);
