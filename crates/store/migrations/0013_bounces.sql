-- Recipients that messages did not reach. message is a hash of the Message-ID of what was sent, bounce the id of the
-- message that came back, place counts the recipients that it tells of.
CREATE TABLE IF NOT EXISTS bounces (
    account TEXT NOT NULL,
    message {BLOB} NOT NULL,
    bounce TEXT NOT NULL,
    place BIGINT NOT NULL,
    data TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, message, bounce, place)
);
CREATE INDEX IF NOT EXISTS bounces_created ON bounces (created);
