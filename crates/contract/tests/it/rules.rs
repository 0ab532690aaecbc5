//! Rules between fields.

use serde_json::{Value, json};

use crate::{body, lines};

#[track_caller]
fn refused(id: &str, request: Value, expected: &[&str]) {
    assert_eq!(lines(body(id, request)), expected);
}

#[test]
fn a_token_for_the_instance_must_set_permissions() {
    for id in ["postV1Tokens", "postV1Token"] {
        for permissions in [None, Some(json!(null))] {
            let mut request = json!({"description": "d", "scopes": ["api"]});
            if let Some(permissions) = permissions {
                request["permissions"] = permissions;
            }
            refused(
                id,
                request,
                &[
                    r#"permissions: "permissions" is required for a token that is not bound to an account"#,
                ],
            );
        }
        let request =
            json!({"description": "d", "scopes": ["api"], "permissions": {"actions": "read"}});
        assert_eq!(
            body(id, request).unwrap().body["permissions"],
            json!({"actions": ["read"]})
        );
        let bound = json!({"description": "d", "scopes": ["api"], "account": "a"});
        assert!(body(id, bound).is_ok());
    }
}

#[test]
fn empty_permissions_are_refused() {
    let token = |permissions: Value| json!({"account": "a", "description": "d", "scopes": ["api"], "permissions": permissions});
    refused(
        "postV1Tokens",
        token(json!({})),
        &[r#"permissions: "permissions" must have at least 1 key"#],
    );
    refused(
        "postV1Tokens",
        token(json!({"actions": [], "groups": []})),
        &[
            r#"actions: "permissions.actions" must contain at least 1 items"#,
            r#"groups: "permissions.groups" must contain at least 1 items"#,
        ],
    );
    refused(
        "postV1Tokens",
        token(json!({"groups": ["admin"]})),
        &[
            r#"groups: "permissions.groups[0]" must be one of [account, mailbox, message, submit, outbox, export, template, blocklist, webhook, gateway, events, diagnostics, logs]"#,
        ],
    );
}

#[test]
fn scopes_of_the_instance_are_not_issued_here() {
    for scope in ["*", "metrics"] {
        refused(
            "postV1Tokens",
            json!({"account": "a", "description": "d", "scopes": [scope]}),
            &[r#"scopes: "scopes[0]" must be one of [api, smtp, imap-proxy, mcp]"#],
        );
    }
}

#[test]
fn a_merge_excludes_other_recipients() {
    let to = json!({"address": "a@example.com"});
    refused(
        "postV1AccountAccountSubmit",
        json!({"mailMerge": [{"to": to}], "to": to, "cc": to, "bcc": to, "raw": "eA==",
               "envelope": {"to": "a@example.com"}, "render": false}),
        &[
            r#"to: "to" is not allowed together with "mailMerge""#,
            r#"cc: "cc" is not allowed together with "mailMerge""#,
            r#"bcc: "bcc" is not allowed together with "mailMerge""#,
            r#"envelope: "envelope" is not allowed together with "mailMerge""#,
            r#"raw: "raw" is not allowed together with "mailMerge""#,
            r#"render: "render" is not allowed together with "mailMerge""#,
        ],
    );
    let merge = json!({"mailMerge": [{"to": to}], "listId": "test-list", "messageId": "<x@y>"});
    assert!(body("postV1AccountAccountSubmit", merge).is_ok());
    refused(
        "postV1AccountAccountSubmit",
        json!({"to": to, "listId": "test-list"}),
        &[r#"listId: "listId" is allowed only together with "mailMerge""#],
    );
}

#[test]
fn a_raw_message_has_its_own_content() {
    refused(
        "postV1AccountAccountSubmit",
        json!({"raw": "eA==", "text": "t", "html": "h", "attachments": [{"content": "eA=="}]}),
        &[
            r#"html: "html" is not allowed together with "raw""#,
            r#"text: "text" is not allowed together with "raw""#,
            r#"attachments: "attachments" is not allowed together with "raw""#,
        ],
    );
    let raw = json!({"raw": "eA==", "subject": "s", "to": {"address": "a@b"}});
    assert!(body("postV1AccountAccountSubmit", raw).is_ok());
}

#[test]
fn a_message_needs_somebody_to_go_to() {
    for request in [json!({}), json!({"to": [], "envelope": {"from": "a@b"}})] {
        refused(
            "postV1AccountAccountSubmit",
            request,
            &[r#"to: "to" is required: the message has no recipients at all"#],
        );
    }
    for request in [
        json!({"raw": "eA=="}),
        json!({"bcc": {"address": "a@b"}}),
        json!({"envelope": {"to": ["a@b"]}}),
        json!({"reference": {"message": "AAAA"}}),
    ] {
        assert!(body("postV1AccountAccountSubmit", request).is_ok());
    }
}

#[test]
fn attempts_are_not_negative() {
    refused(
        "postV1AccountAccountSubmit",
        json!({"to": {"address": "a@b"}, "deliveryAttempts": -1}),
        &[r#"deliveryAttempts: "deliveryAttempts" must be greater than or equal to 0"#],
    );
}

#[test]
fn an_attachment_has_content_or_a_reference() {
    for id in ["postV1AccountAccountSubmit", "postV1AccountAccountMessage"] {
        let mut request = json!({"to": {"address": "a@b"},
            "attachments": [{"content": ""}, {"reference": "AAAA"}, {"filename": "x", "reference": null}]});
        if id.ends_with("Message") {
            request["path"] = json!("Drafts");
        }
        refused(
            id,
            request,
            &[r#"content: "attachments[2].content" is required"#],
        );
    }
}

#[test]
fn a_delegated_mailbox_needs_a_provider() {
    let account = |oauth2: Value| json!({"account": "a", "name": "A", "oauth2": oauth2});
    refused(
        "postV1Account",
        account(json!({"auth": {"user": "u", "delegatedUser": "shared@example.com"}})),
        &[r#"provider: "oauth2.provider" is required when a delegated mailbox is set"#],
    );
    for oauth2 in [
        json!({"provider": "app", "auth": {"user": "u", "delegatedUser": "s@example.com"}}),
        json!({"auth": {"delegatedUser": "s@example.com", "delegatedAccount": "main"}}),
        json!({"auth": {"user": "u"}}),
    ] {
        assert!(body("postV1Account", account(oauth2)).is_ok());
    }
    let partial = json!({"oauth2": {"partial": true, "auth": {"delegatedUser": "s@example.com"}}});
    assert!(body("putV1AccountAccount", partial).is_ok());
}

#[test]
fn only_service_applications_need_a_service_client() {
    assert!(
        body(
            "postV1Oauth2",
            json!({"name": "n", "provider": "gmail", "clientId": "x"})
        )
        .is_ok()
    );
    refused(
        "postV1Oauth2",
        json!({"name": "n", "provider": "gmailService"}),
        &[
            r#"serviceClient: "serviceClient" is required for this provider"#,
            r#"serviceClientEmail: "serviceClientEmail" is required for this provider"#,
        ],
    );
}
