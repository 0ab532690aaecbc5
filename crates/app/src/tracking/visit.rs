//! A link that was followed: what it tells, and to whom.

use std::{net::IpAddr, time::Duration};

use posthouse_engine::NewEvent;
use posthouse_model::{
    AccountId, ApiError, EventType,
    suppression::{Suppression, SuppressionSource, suppressed_form},
};
use posthouse_store::{accounts, suppressions};
use serde_json::{Value, json};
use url::Url;

use super::{
    link::{self, Action, LinkFault},
    robot,
};
use crate::{App, internal};

/// How long the name of a reader's address is looked for.
const NAME: Duration = Duration::from_secs(3);
/// Characters of a program's name that are told.
const AGENT: usize = 1024;
/// What an entry of a list says that a recipient made.
const UNSUBSCRIBED: &str = "unsubscribe";

/// Who followed a link, and the link.
#[derive(Debug, Clone)]
pub struct LinkVisit {
    /// What the link says.
    pub data: String,
    /// Its signature.
    pub sig: String,
    /// The reader's address.
    pub address: IpAddr,
    /// The reader's program.
    pub user_agent: Option<String>,
    /// Whether it is told of; not when only the headers were asked for, as nobody sees anything then.
    pub counts: bool,
}

/// A recipient who may leave a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The recipient's address.
    pub recipient: String,
    /// The list.
    pub list: String,
    /// The recipient has left it.
    pub left: bool,
    account: AccountId,
    message_id: Option<String>,
}

impl App {
    /// A message was shown. What there is to tell is told after the answer.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub fn opened(&self, visit: &LinkVisit) -> Result<(), LinkFault> {
        match link::open(self, &visit.data, &visit.sig)? {
            Action::Open { acc, msg } => {
                self.tell(
                    visit,
                    EventType::TrackOpen,
                    &acc,
                    json!({ "messageId": msg }),
                );
                Ok(())
            }
            _ => Err(LinkFault::Malformed),
        }
    }

    /// A link was followed: where it leads. What there is to tell is told after the answer.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub fn clicked(&self, visit: &LinkVisit) -> Result<String, LinkFault> {
        match link::open(self, &visit.data, &visit.sig)? {
            Action::Click { url, acc, msg } => {
                let target = page(&url).ok_or(LinkFault::Malformed)?;
                let data = json!({ "messageId": msg, "url": url });
                self.tell(visit, EventType::TrackClick, &acc, data);
                Ok(target)
            }
            _ => Err(LinkFault::Malformed),
        }
    }

    fn tell(&self, visit: &LinkVisit, event: EventType, account: &str, mut data: Value) {
        if !visit.counts || robot::is_crawler(visit.address) {
            return;
        }
        describe(&mut data, visit);
        let (app, account, address) = (self.clone(), AccountId::new(account), visit.address);
        self.engine().spawn(async move {
            let name = tokio::time::timeout(NAME, app.name_of(address)).await;
            let name = name.ok().flatten();
            if name.as_deref().is_some_and(robot::is_filter) {
                return;
            }
            if let Err(error) = app.record(&account, event, data, None).await {
                tracing::error!(%account, %event, error = %error.message, "an event was not recorded");
            }
        });
    }

    /// Records an event of an account that exists, with an entry of a list that is added, or taken off where it is none.
    /// Nothing is told of a list that stays as it is.
    async fn record(
        &self,
        account: &AccountId,
        event: EventType,
        data: Value,
        entry: Option<(&str, &Suppression)>,
    ) -> Result<(), ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("recording an event", error);
        let stored = accounts::get(self.store(), account).await;
        let Some(stored) = stored.map_err(|error| failed(&error))? else {
            return Ok(());
        };
        let mut recorder = self.engine().recorder();
        if let Some((list, entry)) = entry {
            if event == EventType::ListUnsubscribe {
                suppressions::add(&mut recorder.batch, list, entry);
            } else {
                suppressions::remove(&mut recorder.batch, list, &entry.recipient);
            }
        }
        recorder.event(
            account,
            Some(&stored.account.config),
            NewEvent::new(event, data),
        );
        recorder.commit().await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Who may leave which list by a link.
    ///
    /// # Errors
    /// 400 and 403 as [`LinkFault`]; 404 when the account is gone.
    pub async fn leaving(&self, data: &str, sig: &str) -> Result<Leaving, ApiError> {
        let fault = |fault: LinkFault| ApiError::new(fault.status(), fault.to_string());
        let Action::Unsub {
            acc,
            list,
            rcpt,
            msg,
        } = link::open(self, data, sig).map_err(fault)?
        else {
            return Err(fault(LinkFault::Malformed));
        };
        let account = AccountId::new(&acc);
        self.known_config(&account).await?;
        let recipient = suppressed_form(&rcpt);
        let left = suppressions::suppressed(self.store(), &list, std::slice::from_ref(&recipient))
            .await
            .map_err(|error| internal("reading a suppression list", &error))?;
        Ok(Leaving {
            left: left.contains_key(&recipient),
            recipient,
            list,
            account,
            message_id: msg,
        })
    }

    /// A recipient leaves a list. Whoever has left it stays away; nothing is told again then.
    ///
    /// # Errors
    /// As [`App::leaving`].
    pub async fn leave(
        &self,
        visit: &LinkVisit,
        source: SuppressionSource,
    ) -> Result<Leaving, ApiError> {
        self.turn(visit, source, true).await
    }

    /// A recipient who left a list comes back.
    ///
    /// # Errors
    /// As [`App::leaving`].
    pub async fn come_back(&self, visit: &LinkVisit) -> Result<Leaving, ApiError> {
        self.turn(visit, SuppressionSource::Form, false).await
    }

    async fn turn(
        &self,
        visit: &LinkVisit,
        source: SuppressionSource,
        leave: bool,
    ) -> Result<Leaving, ApiError> {
        let mut leaving = self.leaving(&visit.data, &visit.sig).await?;
        if leaving.left == leave {
            return Ok(leaving);
        }
        let event = if leave {
            EventType::ListUnsubscribe
        } else {
            EventType::ListSubscribe
        };
        let mut data = json!({ "recipient": leaving.recipient, "listId": leaving.list });
        if let Some(id) = &leaving.message_id {
            data["messageId"] = json!(id);
        }
        describe(&mut data, visit);
        let entry = Suppression {
            recipient: leaving.recipient.clone(),
            account: leaving.account.clone(),
            message_id: leaving.message_id.clone(),
            source,
            reason: UNSUBSCRIBED.to_owned(),
            remote_address: Some(visit.address.to_string()),
            user_agent: visit.user_agent.as_deref().map(agent),
            created: self.store().now(),
        };
        self.record(&leaving.account, event, data, Some((&leaving.list, &entry)))
            .await?;
        leaving.left = leave;
        Ok(leaving)
    }
}

/// The address of a page as a header can carry it; none for what links of messages are not made for.
fn page(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https"))?;
    // As it was written, where that can be: some servers tell apart what is the same by RFC 3986.
    Some(if url.bytes().all(|byte| byte.is_ascii_graphic()) {
        url.to_owned()
    } else {
        parsed.into()
    })
}

/// Who followed the link.
fn describe(data: &mut Value, visit: &LinkVisit) {
    data["remoteAddress"] = json!(visit.address.to_string());
    if let Some(program) = visit.user_agent.as_deref() {
        data["userAgent"] = json!(agent(program));
    }
}

fn agent(text: &str) -> String {
    text.chars().take(AGENT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages() {
        for same in ["http://a.example?x=1", "HTTPS://a.example/%7Eb#c"] {
            assert_eq!(page(same).as_deref(), Some(same));
        }
        let written = page("https://\u{fc}.example/a b\r\nX: y");
        assert_eq!(
            written.as_deref(),
            Some("https://xn--tda.example/a%20bX:%20y")
        );
        for other in [
            "javascript:alert(1)",
            "//a.example",
            "data:text/html,x",
            "mailto:a@b.c",
            "",
            "https://",
        ] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}
