-- Times are milliseconds since the epoch, JSON is text, ids are made by the program.

-- Facts about the store itself, such as the value that proves the secret.
CREATE TABLE IF NOT EXISTS meta (
    name TEXT PRIMARY KEY,
    value {BLOB} NOT NULL
);

-- Batches that were applied (PostgreSQL), so that a lost COMMIT is not applied twice.
CREATE TABLE IF NOT EXISTS batches (
    id TEXT PRIMARY KEY,
    created BIGINT NOT NULL,
    outcome {BLOB}
);
CREATE INDEX IF NOT EXISTS batches_created ON batches (created);

-- Bumped by changes that other processes must notice.
CREATE TABLE IF NOT EXISTS generation (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Either value (JSON) or sealed is set.
CREATE TABLE IF NOT EXISTS settings (
    name TEXT PRIMARY KEY,
    value TEXT,
    sealed {BLOB}
);

CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY,
    account TEXT,
    search TEXT NOT NULL,
    data TEXT NOT NULL,
    expires BIGINT
);
CREATE INDEX IF NOT EXISTS tokens_account ON tokens (account, id);
CREATE INDEX IF NOT EXISTS tokens_expires ON tokens (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS token_access (
    id TEXT PRIMARY KEY,
    time BIGINT NOT NULL,
    ip TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS token_log (
    token TEXT NOT NULL,
    id TEXT NOT NULL,
    time BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (token, id)
);
CREATE INDEX IF NOT EXISTS token_log_time ON token_log (time);

CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires);

-- owner and epoch are the lease of the account; state counts only with the epoch it was written in.
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY,
    search TEXT NOT NULL,
    state TEXT NOT NULL,
    state_epoch BIGINT NOT NULL,
    owner TEXT,
    epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    config {BLOB} NOT NULL,
    status TEXT NOT NULL,
    smtp_status TEXT,
    webhook_error TEXT,
    sync_cursor TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_owner ON accounts (owner);

-- Events so far of an account, by type.
CREATE TABLE IF NOT EXISTS account_counters (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);

-- The account's last event number and last mailbox number; outlives the account.
CREATE TABLE IF NOT EXISTS account_seq (
    account TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    mailbox BIGINT NOT NULL
);

-- A number stands for a path with its UIDVALIDITY, for ever. sync is NULL for what is not followed.
CREATE TABLE IF NOT EXISTS mailboxes (
    account TEXT NOT NULL,
    number BIGINT NOT NULL,
    path TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    sync TEXT,
    PRIMARY KEY (account, number),
    UNIQUE (account, path, uidvalidity)
);

-- The folders as last listed, one JSON text.
CREATE TABLE IF NOT EXISTS mailbox_listings (
    account TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    updated BIGINT NOT NULL
);

-- The message index: per chunk of 65,536 UIDs and key (UIDs, a flag, a keyword, a label) a roaring bitmap.
CREATE TABLE IF NOT EXISTS index_chunks (
    account TEXT NOT NULL,
    mailbox BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    key TEXT NOT NULL,
    bitmap {BLOB} NOT NULL,
    PRIMARY KEY (account, mailbox, chunk, key)
);

-- Messages that are known and still to be announced.
CREATE TABLE IF NOT EXISTS announce (
    account TEXT NOT NULL,
    mailbox BIGINT NOT NULL,
    ref TEXT NOT NULL,
    data TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, mailbox, ref)
);
CREATE INDEX IF NOT EXISTS announce_created ON announce (account, created);

CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    seq BIGINT NOT NULL,
    type TEXT NOT NULL,
    created BIGINT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (account, seq)
);
CREATE INDEX IF NOT EXISTS events_created ON events (created, account, seq);

-- state: pending (in the order of seq), retry (left the order), failed.
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    account TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    first_failed BIGINT,
    last_error TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (account, endpoint, seq) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_retry ON deliveries (account, endpoint, due) WHERE state = 'retry';
CREATE INDEX IF NOT EXISTS deliveries_failed ON deliveries (due) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_id);

-- A lane is leased to one worker; due is when it next has work, NULL when it has none.
CREATE TABLE IF NOT EXISTS lanes (
    account TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    due BIGINT,
    owner TEXT,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    PRIMARY KEY (account, endpoint)
);
CREATE INDEX IF NOT EXISTS lanes_due ON lanes (due) WHERE due IS NOT NULL;

-- state: queued, failed, held. sending_* say that the last bytes of a message may be under way.
CREATE TABLE IF NOT EXISTS outbox (
    queue_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    scheduled BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    progress TEXT NOT NULL,
    job {BLOB} NOT NULL,
    blob TEXT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    sending_attempt BIGINT,
    sending_fence BIGINT
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due, queue_id) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS outbox_account ON outbox (account, queue_id);

-- A row exists for as long as another row names the blob. Small ones lie in the row.
CREATE TABLE IF NOT EXISTS blobs (
    id TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    created BIGINT NOT NULL,
    data {BLOB}
);

-- Large blobs on PostgreSQL; on SQLite they are files.
CREATE TABLE IF NOT EXISTS blob_chunks (
    blob TEXT NOT NULL,
    number BIGINT NOT NULL,
    created BIGINT NOT NULL,
    data {BLOB} NOT NULL,
    PRIMARY KEY (blob, number)
);

CREATE TABLE IF NOT EXISTS stats (
    minute BIGINT NOT NULL,
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (minute, key)
);

CREATE TABLE IF NOT EXISTS rate (
    key TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (key, bucket)
);
CREATE INDEX IF NOT EXISTS rate_expires ON rate (expires);

CREATE TABLE IF NOT EXISTS nodes (
    id TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    started BIGINT NOT NULL,
    renewed BIGINT NOT NULL
);
