-- The accounts of which a message was sent whose follow-ups are to be done, and the first of each.
CREATE INDEX IF NOT EXISTS outbox_account_sent ON outbox (account, due, queue_id) WHERE state = 'sent';
