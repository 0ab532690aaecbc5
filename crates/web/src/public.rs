//! Pages for everybody: no session, but a crumb where there are forms. One line a module.

mod guest;
mod hosted;
mod landing;
mod license;
mod login;
mod setup;
pub(crate) mod tracking;
pub(crate) mod unsubscribe;
mod view;

pub(crate) use login::login_again;

use axum::Router;
use posthouse_app::App;

/// The public pages whose forms all want the crumb.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(landing::routes())
        .merge(hosted::routes())
        .merge(license::routes())
        .merge(login::routes())
        .merge(setup::routes())
}
