//! Suppression lists as the console looks into them and deletes them.

use posthouse_model::{ApiError, suppression::suppressed_form};
use posthouse_store::{Batch, suppressions};

use crate::{App, internal};

impl App {
    /// Why a recipient is on a list; none when it is not.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn suppression_reason(
        &self,
        list: &str,
        recipient: &str,
    ) -> Result<Option<String>, ApiError> {
        let recipient = suppressed_form(recipient);
        let found = suppressions::suppressed(self.store(), list, std::slice::from_ref(&recipient))
            .await
            .map_err(|error| internal("reading a suppression list", &error))?;
        Ok(found.get(&recipient).cloned())
    }

    /// Deletes a list with its entries; how many there were.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn delete_suppression_list(&self, list: &str) -> Result<u64, ApiError> {
        let mut batch = Batch::new();
        let statement = suppressions::delete(&mut batch, list);
        let done = self.store().commit(batch).await;
        let done = done.map_err(|error| internal("deleting a suppression list", &error))?;
        Ok(done.affected(statement))
    }
}
