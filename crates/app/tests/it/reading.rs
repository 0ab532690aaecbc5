//! Folders and messages, with a mailbox that needs no server.

use std::time::Duration;

use futures_util::TryStreamExt;
use posthouse_app::ReplyBody;
use posthouse_model::{AccountId, Caller};
use posthouse_store::{Batch, mailboxes};
use posthouse_testkit::eventually;
use serde_json::json;

use crate::{
    mailbox::{ATTACHMENT, MESSAGE, inbox},
    support::{Hall, ask, sqlite},
};

both!(listings_outlive_connections);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_message() {
    let hall = sqlite().await;
    hall.connected_account("own").await;
    let at = || ask().path("account", "own");
    let folders = hall
        .call(
            "getV1AccountAccountMailboxes",
            at().query("counters", "true"),
        )
        .await
        .unwrap();
    assert_eq!(folders["mailboxes"][0]["specialUse"], "\\Inbox");
    let page = hall
        .call("getV1AccountAccountMessages", at().query("path", "INBOX"))
        .await
        .unwrap();
    assert_eq!(page["messages"][0]["id"], MESSAGE);
    let error = hall
        .call("getV1AccountAccountMessages", at().query("path", "x"))
        .await
        .unwrap_err();
    assert_eq!(error.code_str(), Some("FolderNotFound"));

    let message = || at().path("message", MESSAGE);
    let detail = hall
        .call("getV1AccountAccountMessageMessage", message())
        .await
        .unwrap();
    assert_eq!(detail["subject"], "Question");
    let text = hall
        .call(
            "getV1AccountAccountTextText",
            at().path("text", "text-1").query("textType", "plain"),
        )
        .await
        .unwrap();
    assert_eq!(text, json!({"plain": "Well?", "hasMore": false}));
    let text = hall
        .call(
            "getV1AccountAccountTextText",
            at().path("text", "text-1").query("webSafeHtml", "true"),
        )
        .await
        .unwrap();
    let html = "<p>Well?</p>";
    assert_eq!(
        text,
        json!({"plain": "Well?", "html": html, "hasMore": false, "webSafe": true})
    );

    let body =
        json!({"flags": {"add": "\\Seen", "delete": ["\\Flagged"]}, "labels": {"add": ["x"]}});
    let updated = hall
        .call("putV1AccountAccountMessageMessage", message().body(body))
        .await
        .unwrap();
    assert_eq!(updated, json!({"flags": {"add": true, "delete": true}}));
    let body = json!({"flags": {"add": ["\\Seen"], "set": ["\\Flagged"]}});
    let updated = hall
        .call("putV1AccountAccountMessageMessage", message().body(body))
        .await
        .unwrap();
    assert_eq!(updated, json!({"flags": {"set": true}}));

    for (id, name, value, length) in [
        (
            "getV1AccountAccountMessageMessageSource",
            "message",
            MESSAGE,
            28,
        ),
        (
            "getV1AccountAccountAttachmentAttachment",
            "attachment",
            ATTACHMENT,
            8,
        ),
    ] {
        let reply = hall
            .reply_as(&Caller::system(), id, at().path(name, value))
            .await
            .unwrap();
        let ReplyBody::Download(body) = reply.body else {
            panic!("{id} is no download")
        };
        let chunks: Vec<_> = body.stream.try_collect().await.unwrap();
        assert_eq!(chunks.concat().len(), length);
        let error = hall
            .reply_as(&Caller::system(), id, at().path(name, "zz"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.status, error.code_str()),
            (404, Some("MessageNotFound"))
        );
    }
}

async fn listings_outlive_connections(hall: &Hall) {
    hall.sending_account("own").await;
    let at = || ask().path("account", "own");
    let error = hall
        .call("getV1AccountAccountMailboxes", at())
        .await
        .unwrap_err();
    assert_eq!(
        (error.status, error.code_str()),
        (503, Some("NotYetConnected"))
    );
    let mut batch = Batch::new();
    let now = hall.app.store().now();
    mailboxes::set_listing(&mut batch, &AccountId::new("own"), &[inbox()], now).unwrap();
    hall.app.store().commit(batch).await.unwrap();
    let folders = hall
        .call("getV1AccountAccountMailboxes", at())
        .await
        .unwrap();
    assert_eq!(folders["mailboxes"][0]["path"], "INBOX");
    let counted = at().query("counters", "true");
    assert_eq!(
        hall.call("getV1AccountAccountMailboxes", counted)
            .await
            .unwrap_err()
            .status,
        503
    );
    // Until its actor has looked at the account, its state is `init`.
    eventually("the state is told", Duration::from_secs(10), async || {
        let error = hall
            .call("getV1AccountAccountMessages", at().query("path", "INBOX"))
            .await
            .unwrap_err();
        assert_eq!(error.status, 503);
        (error.extra["state"] == "unset").then_some(())
    })
    .await;
}
