//! One interface over a mailbox, and its implementations.
