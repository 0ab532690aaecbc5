//! One thing that needs attention.

use posthouse_model::{AccountId, route::RouteId};

/// How urgent a finding is; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work.
    Problem,
    /// Something will not work, or is dangerous.
    Warning,
    /// Something could be better.
    Hint,
}

/// Where a finding is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An account.
    Account(AccountId),
    /// Accounts in an error state.
    FailingAccounts,
    /// A webhook route.
    Route(RouteId),
    /// Adding an account.
    AddAccount,
    /// The settings of webhooks.
    Webhooks,
    /// The settings of the service.
    Service,
    /// The settings of security.
    Security,
    /// Tokens that expire soon.
    ExpiringTokens,
    /// Tokens by last use.
    IdleTokens,
    /// The password and second factor of the administrator.
    AccountSecurity,
}

/// One thing that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How urgent.
    pub severity: Severity,
    /// What, in a few words.
    pub title: String,
    /// Why it matters and what to do about it.
    pub detail: String,
    /// The words of the link to where it is dealt with.
    pub action: &'static str,
    /// Where that is; none when it is outside of Posthouse.
    pub place: Option<Place>,
}
