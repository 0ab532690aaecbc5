-- When an account whose sending is paced may send next: pace ms after the last turn. No row: not paced.
CREATE TABLE IF NOT EXISTS send_pace (
    account TEXT PRIMARY KEY,
    turn BIGINT NOT NULL,
    pace BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_account_due ON outbox (account, due, queue_id) WHERE state = 'queued';

-- A message that was sent has a state of its own while its copy is stored, so that this holds up no other message.
UPDATE outbox SET state = 'sent' WHERE state = 'queued' AND progress LIKE '{"status":"smtp-completed"%';
CREATE INDEX IF NOT EXISTS outbox_sent ON outbox (due, queue_id) WHERE state = 'sent';

-- When the last bytes were last about to be written: providers take their time to file what they sent.
ALTER TABLE outbox ADD COLUMN marked BIGINT;
