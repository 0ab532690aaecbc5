//! Gateways as the console tries them.

use posthouse_model::{ApiError, account::SmtpConfig};
use serde_json::Value;

use crate::{
    AccountTrial, App,
    gateways::{changed, not_found},
    input::Fields,
};

impl App {
    /// Logs in with the settings that a gateway would have after a change, which the contract validated; a new gateway's
    /// where there is no id. Nothing is stored.
    ///
    /// # Errors
    /// 400 when the settings cannot be combined, or a stored password would go to another server; 404 when there is no such
    /// gateway; 500 when the store fails.
    pub async fn try_gateway(
        &self,
        id: Option<&str>,
        body: &Value,
    ) -> Result<AccountTrial, ApiError> {
        let before = match id {
            Some(id) => {
                let stored = self.stored_gateway(id).await?;
                stored.ok_or_else(not_found)?.smtp
            }
            None => SmtpConfig::default(),
        };
        let smtp = changed(Fields::of(body), before)?;
        Ok(self.try_smtp_server(smtp).await)
    }
}
