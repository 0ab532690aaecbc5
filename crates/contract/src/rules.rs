//! Rules between fields that the schemas cannot say and that need no state, by operation.

use serde_json::{Map, Value};

use crate::fault::{Fault, Place};

type Body = Map<String, Value>;
type Rule = fn(&Body, &mut Vec<Fault>);

/// The rules of each operation. Aliases follow the operation they stand for.
const RULES: &[(&str, &[Rule])] = &[
    ("postV1Tokens", &[root_token_needs_permissions]),
    ("postV1Account", &[delegation_needs_provider]),
    ("putV1AccountAccount", &[delegation_needs_provider]),
    (
        "postV1AccountAccountSubmit",
        &[
            merge_excludes,
            raw_excludes,
            list_needs_merge,
            needs_recipients,
            attachments_need_content,
        ],
    ),
    ("postV1AccountAccountMessage", &[attachments_need_content]),
    ("postV1Oauth2", &[service_app_needs_client]),
];

/// Checks a body that has been converted by its schema.
pub(crate) fn check(operation: &str, body: &Value, faults: &mut Vec<Fault>) {
    let Value::Object(body) = body else { return };
    for (_, rules) in RULES.iter().filter(|(id, _)| *id == operation) {
        for rule in *rules {
            rule(body, faults);
        }
    }
}

fn fault(faults: &mut Vec<Fault>, label: &str, reason: &str) {
    let key = label.rsplit('.').next().unwrap_or(label);
    let key = key.split('[').next().unwrap_or(key);
    faults.push(Fault {
        message: format!("\"{label}\" {reason}"),
        key: Some(key.to_owned()),
        place: Place::Body,
    });
}

/// Present and not null, and not an empty text or list.
fn has(body: &Body, key: &str) -> bool {
    match body.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    }
}

/// A token for the whole instance must say what it may do.
fn root_token_needs_permissions(body: &Body, faults: &mut Vec<Fault>) {
    if !has(body, "account") && matches!(body.get("permissions"), None | Some(Value::Null)) {
        fault(
            faults,
            "permissions",
            "is required for a token that is not bound to an account",
        );
    }
}

/// A delegated mailbox needs tokens: an application's, or another account's.
fn delegation_needs_provider(body: &Body, faults: &mut Vec<Fault>) {
    let Some(Value::Object(oauth2)) = body.get("oauth2") else {
        return;
    };
    // A partial update is merged over stored values, which may name the provider.
    if oauth2.get("partial") == Some(&Value::Bool(true)) || has(oauth2, "provider") {
        return;
    }
    let Some(Value::Object(auth)) = oauth2.get("auth") else {
        return;
    };
    if has(auth, "delegatedUser") && !has(auth, "delegatedAccount") {
        fault(
            faults,
            "oauth2.provider",
            "is required when a delegated mailbox is set",
        );
    }
}

fn merge_excludes(body: &Body, faults: &mut Vec<Fault>) {
    if body.contains_key("mailMerge") {
        for key in ["to", "cc", "bcc", "envelope", "raw", "render"] {
            if body.contains_key(key) {
                fault(faults, key, "is not allowed together with \"mailMerge\"");
            }
        }
    }
}

fn raw_excludes(body: &Body, faults: &mut Vec<Fault>) {
    if has(body, "raw") {
        for key in ["html", "text", "attachments"] {
            if has(body, key) {
                fault(faults, key, "is not allowed together with \"raw\"");
            }
        }
    }
}

fn list_needs_merge(body: &Body, faults: &mut Vec<Fault>) {
    if body.contains_key("listId") && !body.contains_key("mailMerge") {
        fault(
            faults,
            "listId",
            "is allowed only together with \"mailMerge\"",
        );
    }
}

fn needs_recipients(body: &Body, faults: &mut Vec<Fault>) {
    let in_envelope = matches!(body.get("envelope"), Some(Value::Object(e)) if has(e, "to"));
    let known = ["to", "cc", "bcc", "mailMerge", "raw", "reference"];
    if !in_envelope && !known.iter().any(|key| has(body, key)) {
        fault(
            faults,
            "to",
            "is required: the message has no recipients at all",
        );
    }
}

fn attachments_need_content(body: &Body, faults: &mut Vec<Fault>) {
    let Some(Value::Array(list)) = body.get("attachments") else {
        return;
    };
    for (index, attachment) in list.iter().enumerate() {
        if let Value::Object(attachment) = attachment
            && !attachment.contains_key("content")
            && !matches!(attachment.get("reference"), Some(Value::String(id)) if !id.is_empty())
        {
            fault(
                faults,
                &format!("attachments[{index}].content"),
                "is required",
            );
        }
    }
}

fn service_app_needs_client(body: &Body, faults: &mut Vec<Fault>) {
    let provider = body.get("provider").and_then(Value::as_str);
    if provider == Some("gmailService") {
        for key in ["serviceClient", "serviceClientEmail"] {
            if !has(body, key) {
                fault(faults, key, "is required for this provider");
            }
        }
    }
}
