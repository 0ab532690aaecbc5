-- Messages of the folder were taken in without what names them: it is still to be asked for.
ALTER TABLE mailboxes ADD COLUMN unnamed BIGINT NOT NULL DEFAULT 0;
