-- What was answered to an idempotency key, so that the same request is carried out once.
CREATE TABLE IF NOT EXISTS answers (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    answer TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX IF NOT EXISTS answers_expires ON answers (expires);
