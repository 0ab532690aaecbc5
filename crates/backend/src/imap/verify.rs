//! Trying an account's IMAP settings out.

use posthouse_model::{account::AccountConfig, mailbox::Mailbox};
use tokio::time::timeout;

use super::{
    connect::{connect, imap_config},
    folders,
};
use crate::{BackendError, Network};

/// Connects and logs in with these settings; lists the folders if they are wanted.
///
/// # Errors
/// [`BackendError::Authentication`] and [`BackendError::Connection`] with the server's words.
pub async fn verify_imap(
    config: &AccountConfig,
    network: &Network,
    want_mailboxes: bool,
) -> Result<Vec<Mailbox>, BackendError> {
    let mut session = connect(config, network).await?;
    let mut mailboxes = Vec::new();
    if want_mailboxes {
        let listed = folders::list(&mut session, imap_config(config)?, &[]);
        mailboxes = match timeout(network.command_timeout, listed).await {
            Ok(listed) => listed?.mailboxes,
            Err(_) => return Err(BackendError::Timeout),
        };
    }
    // What comes after the proof does not matter.
    let _ = timeout(network.command_timeout, session.logout()).await;
    Ok(mailboxes)
}
