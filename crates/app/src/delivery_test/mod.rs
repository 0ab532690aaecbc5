//! Delivery tests (behaviour 11.4): a message is sent to a mailbox of this instance, and judged as it arrived there. Nobody else
//! takes part, and nothing waits for the message: each question looks for it.
//!
//! | Module | What |
//! |---|---|
//! | `start` | the message on its way |
//! | `check` | what became of it |

mod check;
mod start;

use std::time::Duration;

use posthouse_model::account::AccountConfig;

/// How long a test may be asked for.
const KEPT: Duration = Duration::from_secs(3600);

/// A word in the subject that no other message has: servers find words of subjects faster than header fields of others' making.
fn token(id: &str) -> String {
    id.chars().filter(char::is_ascii_hexdigit).collect()
}

/// The address of an account: its own, or a login that is one.
fn address_of(config: &AccountConfig) -> Option<String> {
    let auth = |auth: Option<&posthouse_model::account::ServerAuth>| {
        let user = &auth?.user;
        user.contains('@').then(|| user.clone())
    };
    let smtp = || {
        config
            .smtp
            .as_ref()
            .and_then(|smtp| auth(smtp.auth.as_ref()))
    };
    let imap = || {
        config
            .imap
            .as_ref()
            .and_then(|imap| auth(imap.auth.as_ref()))
    };
    config.email.clone().or_else(smtp).or_else(imap)
}
