-- Move with every write to what they count, so that nobody writes from what he read before another wrote.
ALTER TABLE mailboxes ADD COLUMN index_revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailboxes ADD COLUMN identity_revision BIGINT NOT NULL DEFAULT 0;

-- Identities and conversations of messages: records of a fixed size, sorted by UID, packed into rows of a folder; low
-- is the first UID of a row.
CREATE TABLE IF NOT EXISTS identities (
    account TEXT NOT NULL,
    mailbox BIGINT NOT NULL,
    low BIGINT NOT NULL,
    data {BLOB} NOT NULL,
    PRIMARY KEY (account, mailbox, low)
);
