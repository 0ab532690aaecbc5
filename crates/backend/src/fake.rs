//! A scripted mailbox with history cursors and string ids, for the engine's tests.
