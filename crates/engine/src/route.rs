//! The routes that events are offered to, as one snapshot that everybody shares.

use std::sync::{Arc, PoisonError, RwLock};

use posthouse_model::RouteId;
use posthouse_store::{StoreError, routes};

use crate::Engine;

/// Holds the current snapshot; readers take it without waiting. What a route is, its lane reads from the store: only who
/// is asked stands here.
#[derive(Debug, Default)]
pub(crate) struct RoutesCell(RwLock<Arc<[RouteId]>>);

impl RoutesCell {
    pub(crate) fn get(&self) -> Arc<[RouteId]> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Engine {
    /// Reads the routes anew.
    ///
    /// # Errors
    /// The store fails.
    pub async fn reload_routes(&self) -> Result<(), StoreError> {
        let live = routes::live(self.store()).await?;
        let cell = self.routes();
        *cell.0.write().unwrap_or_else(PoisonError::into_inner) = live.into();
        Ok(())
    }
}
