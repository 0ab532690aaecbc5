//! Making, changing and deleting routes: for administrators, in the console.

use std::sync::{LazyLock, atomic::AtomicU32, atomic::Ordering};

use posthouse_model::{ApiError, Caller, RouteId, route::RouteConfig};
use posthouse_store::{Batch, BatchError, Paging, routes};

use super::not_found;
use crate::{App, internal, token_console::require_administrator};

/// Routes there may be: each is asked about every event.
const MOST: u64 = 200;

/// The counter in ids. It begins anywhere, so that two processes hardly make the same.
static COUNTER: LazyLock<AtomicU32> = LazyLock::new(|| {
    let mut bytes = [0; 4];
    // Without randomness the time alone tells them apart; the store refuses an id that is taken.
    let _ = getrandom::fill(&mut bytes);
    AtomicU32::new(u32::from_be_bytes(bytes))
});

impl App {
    /// Makes a route.
    ///
    /// # Errors
    /// 400 with every fault in `fields`; 403 for callers that are no administrator; 409 when there are too many; 503 when
    /// its scripts cannot be checked now.
    pub async fn create_route(
        &self,
        caller: &Caller,
        config: RouteConfig,
    ) -> Result<RouteId, ApiError> {
        let by = require_administrator(caller)?;
        let config = self.checked_route(config, None).await?;
        let store = self.store();
        let failed = |error: &dyn std::fmt::Display| internal("storing a webhook route", error);
        let one = Paging { page: 0, size: 1 };
        let there = routes::list(store, "", one)
            .await
            .map_err(|error| failed(&error))?
            .total;
        if there >= MOST {
            let message = format!("There are {MOST} routes already: delete one of them first");
            return Err(ApiError::new(409, message).code("TooManyRoutes"));
        }
        let now = store.now();
        let id = RouteId::new(now, COUNTER.fetch_add(1, Ordering::Relaxed));
        let mut batch = Batch::new();
        routes::insert(store, &mut batch, &id, &config, now).map_err(|error| failed(&error))?;
        store.commit(batch).await.map_err(|error| failed(&error))?;
        tracing::info!(route = %id, by, "webhook route made");
        self.routes_changed().await?;
        Ok(id)
    }

    /// Changes a route of the version that was shown. Masked values stand for the stored ones.
    ///
    /// # Errors
    /// As [`App::create_route`]; 404 for an unknown route; 409 `RouteChanged` when it was changed meanwhile.
    pub async fn change_route(
        &self,
        caller: &Caller,
        id: &RouteId,
        version: i64,
        config: RouteConfig,
    ) -> Result<(), ApiError> {
        let by = require_administrator(caller)?;
        let stored = self.stored_route(id).await?;
        let config = self.checked_route(config, Some(&stored.config)).await?;
        let store = self.store();
        let failed = |error: &dyn std::fmt::Display| internal("storing a webhook route", error);
        let mut batch = Batch::new();
        routes::update(store, &mut batch, id, version, &config, store.now())
            .map_err(|error| failed(&error))?;
        match store.commit(batch).await {
            Ok(_) => {}
            Err(BatchError::GuardFailed { .. }) => {
                let message =
                    "The route was changed meanwhile: look at it again before you change it";
                return Err(ApiError::new(409, message).code("RouteChanged"));
            }
            Err(error) => return Err(failed(&error)),
        }
        tracing::info!(route = %id, by, "webhook route changed");
        self.routes_changed().await
    }

    /// Deletes a route; what waits for it is dropped.
    ///
    /// # Errors
    /// 403 for callers that are no administrator; 404 for an unknown route; 500 when the store fails.
    pub async fn delete_route(&self, caller: &Caller, id: &RouteId) -> Result<(), ApiError> {
        let by = require_administrator(caller)?;
        let mut batch = Batch::new();
        let deleted = routes::delete(&mut batch, id);
        let committed = self
            .store()
            .commit(batch)
            .await
            .map_err(|error| internal("deleting a webhook route", &error))?;
        if committed.affected(deleted) == 0 {
            return Err(not_found());
        }
        tracing::info!(route = %id, by, "webhook route deleted");
        self.routes_changed().await
    }

    /// Forgets the errors of a route's scripts and takes its error flag down.
    ///
    /// # Errors
    /// As [`App::delete_route`].
    pub async fn clear_route_errors(&self, caller: &Caller, id: &RouteId) -> Result<(), ApiError> {
        require_administrator(caller)?;
        self.stored_route(id).await?;
        let failed =
            |error: &dyn std::fmt::Display| internal("clearing the errors of a route", error);
        let mut batch = Batch::new();
        routes::clear_faults(&mut batch, id);
        routes::set_error(&mut batch, id, None).map_err(|error| failed(&error))?;
        let committed = self.store().commit(batch).await;
        committed.map(|_| ()).map_err(|error| failed(&error))
    }

    /// Has the next event see the change.
    async fn routes_changed(&self) -> Result<(), ApiError> {
        let reloaded = self.engine().reload_routes().await;
        reloaded.map_err(|error| internal("reading webhook routes", &error))
    }
}
