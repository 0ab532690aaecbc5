//! Pages for everybody: no session, but a crumb. One line a module.

mod landing;
mod license;

use axum::Router;
use posthouse_app::App;

/// Every public page.
pub(crate) fn routes() -> Router<App> {
    Router::new().merge(landing::routes())
        .merge(license::routes())
}
