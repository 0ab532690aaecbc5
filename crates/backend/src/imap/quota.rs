//! Storage that is in use (RFC 9208).

use std::sync::Arc;

use posthouse_imap::Error;
use posthouse_model::command::Quota;

use super::{connect::command_error, mailbox::Shared, pool::Lease};
use crate::BackendError;

/// The unit of `STORAGE`, bytes.
const UNIT: u64 = 1024;

/// Storage of the inbox; none where the server keeps no count, or sets no limit.
///
/// # Errors
/// What connecting may say.
pub async fn quota(shared: &Arc<Shared>) -> Result<Option<Quota>, BackendError> {
    let mut lease = Lease::get(shared, None).await?;
    loop {
        match lease.session()?.quota("INBOX").await {
            Ok(roots) => {
                let resources = roots.iter().flat_map(|root| &root.resources);
                let storage = resources.filter(|resource| resource.name == "STORAGE");
                // Where several roots bind it, the fullest does first.
                let fullest =
                    storage.min_by_key(|resource| resource.limit.saturating_sub(resource.usage));
                return Ok(fullest.map(|storage| Quota {
                    usage: storage.usage.saturating_mul(UNIT),
                    limit: storage.limit.saturating_mul(UNIT),
                }));
            }
            Err(Error::Unsupported(_)) => return Ok(None),
            Err(error) if error.is_refusal() => return Ok(None),
            Err(error) => {
                let error = command_error(error);
                if !error.ends_connection() || lease.is_fresh() {
                    return Err(error);
                }
                lease.renew().await?;
            }
        }
    }
}
