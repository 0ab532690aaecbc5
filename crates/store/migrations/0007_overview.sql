-- Counters per quarter of an hour, added up from those per minute, so that a week is read at once.
CREATE TABLE IF NOT EXISTS stats_quarters (
    quarter BIGINT NOT NULL,
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (quarter, key)
);

-- How many accounts are in which state is counted in the index alone.
CREATE INDEX IF NOT EXISTS accounts_by_state ON accounts (state, state_epoch, epoch);
CREATE INDEX IF NOT EXISTS accounts_webhook_error ON accounts (account) WHERE webhook_error IS NOT NULL;
