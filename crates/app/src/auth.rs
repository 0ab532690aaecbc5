//! Admission: who is asking, and may it (behaviour 2.5). The order of checks is fixed: token, scope,
//! permissions, account binding, address, referrer, rate.

use std::{net::IpAddr, str::FromStr, time::Duration};

use ipnet::IpNet;
use posthouse_model::{
    ApiError, Caller, Permissions, Scope, Timestamp,
    access::PermissionDenied,
    caller::Identity,
    token::{RateLimit, TokenLogEntry, TokenRecord, TokenValue, glob_matches},
};
use serde_json::json;

use crate::{
    App,
    rate::Window,
    request::{Admitted, Credential, RateStatus, Refusal, Request, Target},
    sessions::SESSION_TOKEN_PREFIX,
};

const CHALLENGE: &str = "Bearer";
const BAD_TOKEN: &str = "Bearer error=\"Bad token\"";
const SESSION_ENDED: &str = "Bearer error=\"invalid_token\"";
const INSUFFICIENT_SCOPE: &str = "Bearer error=\"insufficient_scope\"";
const QUERY_REFUSED: &str = "Bearer error=\"invalid_request\"";

/// Window of a rate limit that names none, seconds.
const DEFAULT_WINDOW: u64 = 180;

/// A denial as the audit log and the answer name it.
struct Denial {
    reason: &'static str,
    refusal: Refusal,
}

impl Denial {
    fn new(reason: &'static str, error: ApiError) -> Self {
        Self {
            reason,
            refusal: error.into(),
        }
    }
}

impl App {
    /// Decides whether a request may proceed.
    ///
    /// # Errors
    /// The answer to give, when it may not.
    pub async fn admit(&self, request: &Request, target: &Target<'_>) -> Result<Admitted, Refusal> {
        let value = match &request.credential {
            Credential::None => return self.admit_without_token(request),
            Credential::Bearer(value) => value,
            Credential::Query(value) => {
                self.metrics().query_tokens.inc();
                if !self.settings().bool("queryTokens") {
                    return Err(unauthorized(
                        "Access tokens are not accepted in the query, use the Authorization header",
                        QUERY_REFUSED,
                    ));
                }
                value
            }
        };
        if value.starts_with(SESSION_TOKEN_PREFIX) {
            return self.admit_session(request, target, value).await;
        }
        let bad_token = || unauthorized("Bad token", BAD_TOKEN);
        let id = TokenValue::from_str(value).map_err(|_| bad_token())?.id();
        let Some(record) = self.tokens().find(id).await? else {
            return Err(bad_token());
        };
        let now = Timestamp::now();
        let verdict = match check(&record, request, target) {
            Ok(()) => self.check_rate(&record, now).await,
            Err(denial) => Err(denial),
        };
        if self.settings().bool("tokenAuditLog") {
            let reason = verdict.as_ref().err().map(|denial| denial.reason);
            self.tokens()
                .log(id, log_entry(request, target, now, reason));
        }
        match verdict {
            Ok(rate) => {
                if let Some(address) = request.address {
                    self.tokens().used(id, now, address);
                }
                Ok(Admitted {
                    caller: Caller {
                        identity: Identity::Token(id),
                        account: record.account.clone(),
                        permissions: record.permissions.clone(),
                        address: request.address,
                    },
                    rate,
                })
            }
            Err(denial) => Err(denial.refusal),
        }
    }

    fn admit_without_token(&self, request: &Request) -> Result<Admitted, Refusal> {
        if !self.settings().bool("disableTokens") {
            return Err(unauthorized("Missing authentication", CHALLENGE));
        }
        Ok(Admitted {
            caller: Caller {
                identity: Identity::Preauthorized,
                account: None,
                permissions: Permissions::Unrestricted,
                address: request.address,
            },
            rate: None,
        })
    }

    async fn admit_session(
        &self,
        request: &Request,
        target: &Target<'_>,
        value: &str,
    ) -> Result<Admitted, Refusal> {
        let resolved = self
            .sessions()
            .resolve_token(value, request.session_cookie.as_deref())
            .await?
            .filter(|(_, session)| self.console().is_current(session));
        let Some((account, _)) = resolved else {
            return Err(unauthorized("Session has ended", SESSION_ENDED));
        };
        let operation = target.operation.filter(|operation| operation.session_token);
        if operation.is_none() {
            return Err(permission_error(target).into());
        }
        if target.account.map(str::trim) != Some(account.as_str()) {
            return Err(ApiError::new(403, "Unauthorized account").into());
        }
        Ok(Admitted {
            caller: Caller {
                identity: Identity::Session,
                account: Some(account),
                permissions: Permissions::Unrestricted,
                address: request.address,
            },
            rate: None,
        })
    }

    async fn check_rate(
        &self,
        record: &TokenRecord,
        now: Timestamp,
    ) -> Result<Option<RateStatus>, Denial> {
        let limit = record
            .restrictions
            .as_ref()
            .and_then(|restrictions| restrictions.rate_limit);
        let Some(RateLimit {
            max_requests: Some(limit),
            time_window,
        }) = limit
        else {
            return Ok(None);
        };
        let window = Window::at(
            now,
            Duration::from_secs(time_window.unwrap_or(DEFAULT_WINDOW)),
        );
        let count = self
            .rates()
            .count(&format!("api:{}", record.id), window)
            .await
            .map_err(|error| Denial::new("rateLimit", error))?;
        let reset = window.ends_in(now).as_secs().max(1);
        let status = RateStatus {
            limit,
            remaining: limit.saturating_sub(count),
            reset,
        };
        if count <= limit {
            return Ok(Some(status));
        }
        Err(Denial {
            reason: "rateLimit",
            refusal: Refusal {
                error: Box::new(ApiError::new(429, "Rate limit exceeded").with("ttl", reset)),
                challenge: None,
                rate: Some(status),
            },
        })
    }
}

/// The checks that need no state: scope, permissions, account binding, address, referrer.
fn check(record: &TokenRecord, request: &Request, target: &Target<'_>) -> Result<(), Denial> {
    if !record.opens(target.scopes) {
        return Err(Denial {
            reason: "scope",
            refusal: Refusal {
                error: Box::new(
                    ApiError::new(403, "Unauthorized scope")
                        .with("requestedScope", requested_scope(target.scopes)),
                ),
                challenge: Some(INSUFFICIENT_SCOPE),
                rate: None,
            },
        });
    }
    record
        .permissions
        .check(target.action, target.group)
        .map_err(|denied: PermissionDenied| {
            Denial::new(denied.as_str(), permission_error(target))
        })?;
    if let Some(bound) = &record.account
        && !binding_admits(bound.as_str(), target)
    {
        return Err(Denial::new(
            "account",
            ApiError::new(403, "Unauthorized account"),
        ));
    }
    let Some(restrictions) = &record.restrictions else {
        return Ok(());
    };
    if let Some(addresses) = &restrictions.addresses
        && !addresses.is_empty()
        && !request
            .address
            .is_some_and(|address| address_listed(address, addresses))
    {
        return Err(Denial::new(
            "address",
            ApiError::new(403, "Unauthorized address").with(
                "remoteAddress",
                request.address.map(|address| address.to_string()),
            ),
        ));
    }
    if let Some(referrers) = &restrictions.referrers
        && !referrers.is_empty()
    {
        let referrer = request.referrer.as_deref().unwrap_or_default();
        if !referrers.iter().any(|glob| glob_matches(glob, referrer)) {
            return Err(Denial::new(
                "referrer",
                ApiError::new(403, "Unauthorized referrer"),
            ));
        }
    }
    Ok(())
}

/// Whether a token bound to `bound` may call the target (behaviour 2.5, account-bound rules).
pub(crate) fn binding_admits(bound: &str, target: &Target<'_>) -> bool {
    if let Some(account) = target.account {
        return account.trim() == bound;
    }
    let Some(operation) = target.operation else {
        return false;
    };
    match operation.canonical_id() {
        // These name their account in the query.
        "getV1Templates" | "getV1Tokens" => target.query_account == Some(bound),
        // The use case holds the template against the binding, or forces the account.
        "postV1TemplatesTemplate"
        | "getV1TemplatesTemplateTemplate"
        | "putV1TemplatesTemplateTemplate"
        | "deleteV1TemplatesTemplateTemplate" => true,
        _ => false,
    }
}

/// Whether an address is in a list of addresses and networks. IPv4-mapped IPv6 equals IPv4.
pub(crate) fn address_listed(address: IpAddr, list: &[String]) -> bool {
    let address = address.to_canonical();
    list.iter().any(|entry| {
        let entry = entry.trim();
        if let Ok(single) = entry.parse::<IpAddr>() {
            return single.to_canonical() == address;
        }
        let Ok(net) = entry.parse::<IpNet>() else {
            return false;
        };
        if net.contains(&address) {
            return true;
        }
        // A mapped network, such as ::ffff:10.0.0.0/104.
        match (net, address) {
            (IpNet::V6(net), IpAddr::V4(address)) => net.contains(&address.to_ipv6_mapped()),
            _ => false,
        }
    })
}

fn requested_scope(scopes: &[Scope]) -> String {
    let words: Vec<_> = scopes
        .iter()
        .filter(|scope| **scope != Scope::All)
        .map(|scope| scope.as_str())
        .collect();
    words.join(",")
}

fn permission_error(target: &Target<'_>) -> ApiError {
    ApiError::new(403, "Unauthorized permission").with(
        "requiredPermission",
        json!({ "action": target.action, "group": target.group }),
    )
}

fn unauthorized(message: &str, challenge: &'static str) -> Refusal {
    Refusal {
        error: Box::new(ApiError::new(401, message)),
        challenge: Some(challenge),
        rate: None,
    }
}

fn log_entry(
    request: &Request,
    target: &Target<'_>,
    time: Timestamp,
    reason: Option<&'static str>,
) -> TokenLogEntry {
    TokenLogEntry {
        time,
        ip: request.address.map(|address| address.to_string()),
        method: Some(request.method.clone()),
        path: Some(target.path.to_owned()),
        action: Some(target.action.to_string()),
        group: Some(target.group.to_string()),
        account: target
            .account
            .map(|account| account.trim().chars().take(256).collect()),
        status: if reason.is_none() {
            "allowed"
        } else {
            "denied"
        }
        .to_owned(),
        reason: reason.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_and_networks() {
        let listed = |address: &str, list: &[&str]| {
            let list: Vec<String> = list.iter().map(|&entry| entry.to_owned()).collect();
            address_listed(address.parse().unwrap(), &list)
        };
        assert!(listed("127.0.0.1", &["127.0.0.1"]));
        assert!(listed("::ffff:127.0.0.1", &["127.0.0.1"]));
        assert!(listed("127.0.0.1", &["::ffff:127.0.0.1"]));
        assert!(listed("10.1.2.3", &["192.168.0.0/16", "10.0.0.0/8"]));
        assert!(listed("::ffff:10.1.2.3", &["10.0.0.0/8"]));
        assert!(listed("10.1.2.3", &["::ffff:10.0.0.0/104"]));
        assert!(listed("fd00::1", &["fd00::/8"]));
        assert!(!listed("11.1.2.3", &["10.0.0.0/8", "fd00::/8", "nonsense"]));
    }
}
