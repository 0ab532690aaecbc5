//! Account actors, events, webhooks and the outbox.
