-- Delivery tests under way, and their results as long as they may be asked for. receiver is the account whose mailbox the message
-- goes to, message_id the Message-ID of the message.
CREATE TABLE IF NOT EXISTS delivery_tests (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    receiver TEXT NOT NULL,
    queue_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    result TEXT,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_tests_expires ON delivery_tests (expires);
