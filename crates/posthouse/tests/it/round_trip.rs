//! Thousands of generated messages through the real IMAP server and the API: what was meant comes back, field for field and byte for byte.
//!
//! `POSTHOUSE_SEED=N` begins with another seed, `POSTHOUSE_MESSAGES=N` makes so many; a failure names the seed of its message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use posthouse_testkit::mime_model::{ModelAddress, ModelFile, ModelMail};
use posthouse_testkit::{Client, ImapClient, Server, unique_user};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account};

/// Connections that put messages there, and calls that read them, at once.
const AT_ONCE: usize = 6;

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

fn address(of: &ModelAddress) -> Value {
    match &of.name {
        Some(name) => json!({ "name": name, "address": of.address }),
        None => json!({ "address": of.address }),
    }
}

fn addresses(of: &[ModelAddress]) -> Value {
    of.iter().map(address).collect()
}

/// Texts as the API joins them.
fn joined(texts: &[String]) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(text);
    }
    all
}

/// An attachment as it is listed, but for what is the server's to choose.
fn listed(file: &ModelFile) -> Value {
    let mut out = json!({
        "contentType": file.content_type, "embedded": file.embedded, "inline": file.inline,
    });
    if file.in_message {
        out["encodedInMessage"] = true.into();
    }
    for (name, value) in [
        ("contentId", &file.content_id),
        ("filename", &file.name),
        ("method", &file.method),
    ] {
        if let Some(value) = value {
            out[name] = value.as_str().into();
        }
    }
    out
}

struct Reader {
    client: Client,
    base: String,
}

impl Reader {
    async fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let answer = self.client.get(&format!("{}/{path}", self.base)).await;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(format!("{path}: {status}")),
        }
    }

    async fn json(&self, path: &str) -> Result<Value, String> {
        Ok(serde_json::from_slice(&self.get(path).await?).unwrap())
    }

    /// Reads a message in every way and says what is not as it was meant.
    async fn check(&self, mail: &ModelMail, entry: &Value) -> Result<(), String> {
        let same = |what: &str, got: &Value, meant: &Value| match got == meant {
            true => Ok(()),
            false => Err(format!("{what}\n   got {got}\n meant {meant}")),
        };
        let id = entry["id"].as_str().unwrap_or_default();
        let detail = self.json(&format!("message/{id}?textType=*")).await?;
        for view in [entry, &detail] {
            same("subject", &view["subject"], &json!(mail.subject))?;
            same("from", &view["from"], &address(&mail.from))?;
            same("to", &view["to"], &addresses(&mail.to))?;
            let reply_to = mail.reply_to.as_ref().unwrap_or(&mail.from);
            same("replyTo", &view["replyTo"], &json!([address(reply_to)]))?;
            let cc = view.get("cc").cloned().unwrap_or(json!([]));
            same("cc", &cc, &addresses(&mail.cc))?;
            let mut files = view.get("attachments").cloned().unwrap_or(json!([]));
            for file in files.as_array_mut().into_iter().flatten() {
                let file = file.as_object_mut().ok_or("no object")?;
                file.retain(|name, _| !["id", "encodedSize"].contains(&name.as_str()));
            }
            same(
                "attachments",
                &files,
                &mail.files.iter().map(listed).collect(),
            )?;
        }
        let bcc = detail.get("bcc").cloned().unwrap_or(json!([]));
        same("bcc", &bcc, &addresses(&mail.bcc))?;
        same("sender", &detail["sender"], &address(&mail.from))?;
        for (name, values) in &mail.headers {
            same(name, &detail["headers"][name], &json!(values))?;
        }
        let text_id = detail["text"]["id"].as_str().unwrap_or_default();
        let text = self.json(&format!("text/{text_id}?textType=*")).await?;
        for view in [&detail["text"], &text] {
            same("plain", &view["plain"], &json!(joined(&mail.plain)))?;
            same("html", &view["html"], &json!(joined(&mail.html)))?;
            same("hasMore", &view["hasMore"], &json!(false))?;
        }
        let files = detail["attachments"].as_array().into_iter().flatten();
        for (file, meant) in files.zip(&mail.files) {
            let id = file["id"].as_str().unwrap_or_default();
            let content = self.get(&format!("attachment/{id}")).await?;
            if content != meant.content {
                return Err(format!("content of {file}"));
            }
        }
        match self.get(&format!("message/{id}/source")).await? == mail.raw {
            true => Ok(()),
            false => Err("source".to_owned()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_messages_come_back_as_they_were_meant() {
    let (first, count) = (
        number("POSTHOUSE_SEED", 1),
        number("POSTHOUSE_MESSAGES", 2000),
    );
    let mails: Arc<Vec<ModelMail>> = Arc::new((first..first + count).map(ModelMail::new).collect());
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    let mut tasks = Vec::new();
    for lane in 0..AT_ONCE {
        let (user, mails) = (user.clone(), Arc::clone(&mails));
        tasks.push(tokio::spawn(async move {
            let mut imap = ImapClient::login(&user).await;
            for mail in mails.iter().skip(lane).step_by(AT_ONCE) {
                imap.append("INBOX", "", &mail.raw).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let base = format!("/v1/account/{user}");
    let reader = Arc::new(Reader { client, base });
    let mut entries = std::collections::HashMap::new();
    for page in 0..count.div_ceil(500) {
        let path = format!("messages?path=INBOX&pageSize=500&page={page}");
        let page = reader.json(&path).await.unwrap();
        for entry in page["messages"].as_array().unwrap() {
            let id = entry["messageId"].as_str().unwrap().to_owned();
            entries.insert(id, entry.clone());
        }
    }
    let (entries, next) = (Arc::new(entries), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE {
        let (reader, mails, entries, next) = (
            Arc::clone(&reader),
            Arc::clone(&mails),
            Arc::clone(&entries),
            Arc::clone(&next),
        );
        tasks.push(tokio::spawn(async move {
            let mut faults = Vec::new();
            while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                let checked = match entries.get(&mail.message_id) {
                    Some(entry) => reader.check(mail, entry).await,
                    None => Err("not listed".to_owned()),
                };
                if let Err(fault) = checked {
                    faults.push(format!("{}: {fault}", mail.message_id));
                }
            }
            faults
        }));
    }
    let mut faults = Vec::new();
    for task in tasks {
        faults.extend(task.await.unwrap());
    }
    let shown: Vec<_> = faults.iter().take(10).cloned().collect();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        shown.join("\n")
    );
}
