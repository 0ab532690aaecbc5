//! The operation table: what every surface routes, classifies and validates by.

use std::sync::{Arc, LazyLock};

use posthouse_model::access::{Action, Group, Scope};

use crate::schema::Schema;

/// The methods of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// The word of the request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "get" => Self::Get,
            "post" => Self::Post,
            "put" => Self::Put,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

/// Whether a token with a permissions record can reach an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NarrowedToken {
    /// If its record names action and group.
    Grantable,
    /// Never.
    Never,
}

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name; of a header, in lower case.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Its value.
    pub schema: Arc<Schema>,
}

/// One status an operation may answer with. Its schema is compiled only by tests, see
/// [`validate_answer`](crate::validate_answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; `None` for an empty one.
    pub media_type: Option<&'static str>,
}

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// The `operationId`.
    pub id: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path template, such as `/v1/account/{account}`.
    pub path: &'static str,
    /// The only tag.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More lines.
    pub description: &'static str,
    /// What it does, for permissions.
    pub action: Action,
    /// What it is about, for permissions.
    pub group: Group,
    /// Scopes that open it.
    pub scopes: Box<[Scope]>,
    /// Whether narrowed tokens can reach it.
    pub narrowed_token: NarrowedToken,
    /// Whether session tokens can reach it.
    pub session_token: bool,
    /// Whether MCP tools can reach it.
    pub mcp_surface: bool,
    /// Routed, but not in the served document.
    pub hidden: bool,
    /// The operation this is another name of.
    pub alias_of: Option<&'static str>,
    /// Ours, unknown to the reference contract.
    pub extension: bool,
    /// Path parameters.
    pub path_parameters: Box<[Parameter]>,
    /// Query parameters.
    pub query_parameters: Box<[Parameter]>,
    /// Declared headers.
    pub header_parameters: Box<[Parameter]>,
    /// The JSON body, if it takes one.
    pub body: Option<Arc<Schema>>,
    /// Statuses it may answer with, ascending.
    pub responses: Box<[Response]>,
}

impl Operation {
    /// The id of the operation whose use case this calls: its own, or that of the one it is an
    /// alias of.
    #[must_use]
    pub fn canonical_id(&self) -> &'static str {
        self.alias_of.unwrap_or(self.id)
    }

    /// Whether the path has an `{account}` part, which an account-bound token must equal.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.path_parameters.iter().any(|p| p.name == "account")
    }
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| match crate::compile() {
    Ok(operations) => operations,
    // The text is embedded: a test proves that it compiles, so this is unreachable in a build
    // that passed. Serving no route at all is the safe answer to the impossible.
    Err(error) => {
        debug_assert!(false, "the embedded contract does not compile: {error}");
        Vec::new()
    }
});

/// Every operation, in document order, hidden ones last.
#[must_use]
pub fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// The operation of this id.
#[must_use]
pub fn operation(id: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.id == id)
}
