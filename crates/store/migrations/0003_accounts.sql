-- What an account's connection went through, the newest last.
CREATE TABLE IF NOT EXISTS account_states (
    account TEXT NOT NULL,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (account, seq)
);

-- Conversations with mail servers: some lines a row, last is the number of the last one. Two processes may write at
-- once, so the id keeps rows apart.
CREATE TABLE IF NOT EXISTS account_logs (
    account TEXT NOT NULL,
    last BIGINT NOT NULL,
    id TEXT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (account, last, id)
);

-- What only one process may do at a time.
CREATE TABLE IF NOT EXISTS locks (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Counting and searching read these instead of the rows, which hold the sealed configuration.
CREATE INDEX IF NOT EXISTS accounts_listing ON accounts (account, search, state, state_epoch, epoch);
CREATE INDEX IF NOT EXISTS accounts_errors ON accounts (account)
    WHERE state IN ('authenticationError', 'connectError');
