-- SMTP gateways. config is sealed; the counters are written beside it by whoever sends.
CREATE TABLE IF NOT EXISTS gateways (
    gateway TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    config {BLOB} NOT NULL,
    created BIGINT NOT NULL,
    deliveries BIGINT NOT NULL DEFAULT 0,
    last_use BIGINT,
    last_error TEXT
);
CREATE INDEX IF NOT EXISTS gateways_order ON gateways (created, gateway);

-- Templates of an account, or shared ones (account is empty).
CREATE TABLE IF NOT EXISTS templates (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    format TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS templates_account ON templates (account, created, id);

-- Recipients who are not written to. A list exists while it has entries.
CREATE TABLE IF NOT EXISTS suppressions (
    list TEXT NOT NULL,
    recipient TEXT NOT NULL,
    account TEXT NOT NULL,
    message_id TEXT,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    remote_address TEXT,
    user_agent TEXT,
    created BIGINT NOT NULL,
    PRIMARY KEY (list, recipient)
);
CREATE INDEX IF NOT EXISTS suppressions_order ON suppressions (list, created, recipient);
