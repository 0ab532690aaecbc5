//! Finding the servers of an address for a visitor.

use posthouse_discover::Discovered;
use posthouse_model::ApiError;

use super::Link;
use crate::App;

impl App {
    /// The servers of an address, as far as they can be found; counted, see [`Link`].
    ///
    /// # Errors
    /// 429 when the link was used for too many searches.
    pub async fn detect_servers(&self, link: &Link, email: &str) -> Result<Discovered, ApiError> {
        self.admit_detection(link).await?;
        self.autoconfig(email).await
    }
}
