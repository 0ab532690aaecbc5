-- Messages that went from a folder, for as long as it may show that they were moved. due is when the deletion is
-- announced, NULL once it is.
CREATE TABLE IF NOT EXISTS departures (
    account TEXT NOT NULL,
    mailbox BIGINT NOT NULL,
    ref TEXT NOT NULL,
    uid BIGINT,
    path TEXT NOT NULL,
    identity BIGINT NOT NULL,
    thread BIGINT,
    gone BIGINT NOT NULL,
    due BIGINT,
    PRIMARY KEY (account, mailbox, ref)
);
CREATE INDEX IF NOT EXISTS departures_identity ON departures (account, identity);
CREATE INDEX IF NOT EXISTS departures_due ON departures (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS departures_gone ON departures (gone);
