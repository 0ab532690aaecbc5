use std::time::Duration;

use posthouse_testkit::{Fault, Phase, SmtpSink};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(5);

struct Talk(BufReader<TcpStream>);

impl Talk {
    async fn start(sink: &SmtpSink) -> Self {
        let mut talk = Self(BufReader::new(
            TcpStream::connect(sink.addr()).await.unwrap(),
        ));
        assert!(talk.reply().await.starts_with("220"));
        talk
    }

    async fn say(&mut self, line: &str) -> String {
        self.0
            .write_all(format!("{line}\r\n").as_bytes())
            .await
            .unwrap();
        self.reply().await
    }

    /// The last line of a reply; empty when the connection is closed.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await.unwrap_or(0);
            if read == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    async fn send(&mut self, body: &str) -> String {
        assert!(
            self.say("MAIL FROM:<a@example.com> BODY=8BITMIME")
                .await
                .starts_with("250")
        );
        assert!(self.say("RCPT TO:<b@example.org>").await.starts_with("250"));
        assert!(self.say("DATA").await.starts_with("354"));
        self.say(&format!("{body}\r\n.")).await
    }
}

#[tokio::test]
async fn keeps_a_message_as_it_was_before_dot_stuffing() {
    let sink = SmtpSink::start().await;
    let mut talk = Talk::start(&sink).await;
    assert!(talk.say("EHLO me").await.starts_with("250 AUTH"));
    assert!(talk.say("AUTH PLAIN AHUAcA==").await.starts_with("235"));
    assert!(
        talk.send("Subject: a\r\n b\r\n\r\n..dot")
            .await
            .starts_with("250")
    );
    let mail = sink.wait_for(1, SOON).await.remove(0);
    assert_eq!(mail.text(), "Subject: a\r\n b\r\n\r\n.dot\r\n");
    assert_eq!(mail.header("subject").as_deref(), Some("a b"));
    assert_eq!(
        (mail.from.as_str(), mail.from_parameters.as_str(), mail.to),
        (
            "a@example.com",
            "BODY=8BITMIME",
            vec!["b@example.org".to_owned()]
        )
    );
    let auth = mail.auth.unwrap();
    assert_eq!((auth.user.as_str(), auth.secret.as_str()), ("u", "p"));
}

#[tokio::test]
async fn login_and_xoauth2_are_understood() {
    let sink = SmtpSink::start().await;
    sink.require_secret("token");
    let mut talk = Talk::start(&sink).await;
    assert!(talk.say("MAIL FROM:<a@b>").await.starts_with("530"));
    assert!(talk.say("AUTH LOGIN").await.starts_with("334"));
    assert!(talk.say("dQ==").await.starts_with("334"));
    assert!(talk.say("cA==").await.starts_with("535"));
    // user=u, auth=Bearer token
    assert!(
        talk.say("AUTH XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHRva2VuAQE=")
            .await
            .starts_with("235")
    );
    assert!(talk.say("MAIL FROM:<a@b>").await.starts_with("250"));
}

#[tokio::test]
async fn faults_strike_at_their_phase_and_as_often_as_told() {
    let sink = SmtpSink::start().await;
    sink.fail_times(Phase::Dot, Fault::reply(451), 1);
    let mut talk = Talk::start(&sink).await;
    assert!(talk.send("one").await.starts_with("451"));
    assert!(talk.send("two").await.starts_with("250"));
    assert_eq!(sink.mails().len(), 1, "a refused message is not kept");

    sink.fail(Phase::Dot, Fault::Cut);
    assert_eq!(talk.send("three").await, "");
    assert_eq!(
        sink.mails().len(),
        2,
        "a message whose acknowledgement is lost is kept"
    );
    assert_eq!(sink.count(Phase::Dot), 3);

    sink.clear();
    sink.refuse_recipient("b@example.org", Fault::reply(550));
    let mut talk = Talk::start(&sink).await;
    talk.say("MAIL FROM:<a@b>").await;
    assert!(talk.say("RCPT TO:<b@example.org>").await.starts_with("550"));
    assert!(talk.say("RCPT TO:<c@example.org>").await.starts_with("250"));
}

#[tokio::test]
async fn a_cut_inside_the_message_leaves_nothing() {
    let sink = SmtpSink::start().await;
    sink.fail(Phase::Data, Fault::CutAfter(10));
    let mut talk = Talk::start(&sink).await;
    assert_eq!(talk.send("a line of more than ten bytes").await, "");
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_stalled_session_stays_open_until_the_sink_goes() {
    let sink = SmtpSink::start().await;
    sink.fail(Phase::Ehlo, Fault::Stall);
    let mut talk = Talk::start(&sink).await;
    let silence = tokio::time::timeout(Duration::from_millis(200), talk.say("EHLO me")).await;
    assert!(silence.is_err());
    assert_eq!(sink.open_connections(), 1);
    drop(sink);
    assert_eq!(talk.reply().await, "");
}
