//! Pages for everybody: no session, but a crumb. One line a module.

mod hosted;
mod landing;
mod license;
mod login;
mod setup;

pub(crate) use login::login_again;

use axum::Router;
use posthouse_app::App;

/// Every public page.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(landing::routes())
        .merge(hosted::routes())
        .merge(license::routes())
        .merge(login::routes())
        .merge(setup::routes())
}
