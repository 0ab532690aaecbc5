//! The folders of an account, as its mail server lists them now.

use askama::Template;
use axum::{extract::Path, response::Response};
use posthouse_model::mailbox::{Mailbox, SpecialUse};

use super::{Head, find};
use crate::{
    fail::Failure,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "accounts/folders.html")]
struct Folders {
    frame: Frame,
    head: Head,
    place: &'static str,
    folders: Vec<Mailbox>,
    /// Why they cannot be listed.
    trouble: Option<String>,
    /// How many messages are indexed, and of how many of them more is known.
    indexed: u64,
    named: u64,
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    let mut trouble = None;
    let mut folders = Vec::new();
    if head.follows {
        let input = Input {
            path: &[("account", head.id.as_str())],
            query: &[("counters", "true")],
            body: None,
        };
        match page.call("getV1AccountAccountMailboxes", input).await {
            Ok(mut answer) => {
                let list = answer["mailboxes"].take();
                folders = serde_json::from_value(list).unwrap_or_default();
            }
            Err(error) => trouble = Some(error.message),
        }
    }
    let (indexed, named) = page.app.index_progress(&head.id).await?;
    let frame = page
        .frame(format!("Folders of {}", head.title), Room::Accounts)
        .with_scripts(&["accounts.js"])
        .with_styles(&["accounts.css"]);
    Ok(page.render(&Folders {
        frame,
        head,
        place: "folders",
        folders,
        trouble,
        indexed,
        named: named.min(indexed),
    }))
}

/// What a folder is for, in a word.
fn purpose(special: &SpecialUse) -> &'static str {
    match special {
        SpecialUse::Inbox => "Inbox",
        SpecialUse::Flagged => "Flagged",
        SpecialUse::Sent => "Sent",
        SpecialUse::Drafts => "Drafts",
        SpecialUse::All => "All mail",
        SpecialUse::Archive => "Archive",
        SpecialUse::Junk => "Junk",
        SpecialUse::Trash => "Trash",
    }
}
