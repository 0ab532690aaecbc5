use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use posthouse_testkit::{ImapClient, mail};

struct Stub(Child);

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start() -> (Stub, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_imap-stub"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (Stub(child), line.trim().parse().unwrap())
}

#[tokio::test]
async fn a_mailbox_of_the_stub_is_one() {
    let (_stub, addr) = start();
    let mut client = ImapClient::login_at(addr, "jane", "any").await;
    assert_eq!(client.folders().await.len(), 6);
    assert_eq!(client.uid_validity("INBOX").await, 1);
    assert_eq!(client.messages("INBOX").await.len(), 3);
    let raw = mail::plain("stub", "To the stub", "Hello\n");
    assert_eq!(client.append("INBOX", "\\Seen", &raw).await, 4);
    let messages = client.messages("INBOX").await;
    assert_eq!(
        (
            messages[3].uid,
            messages[3].flags.as_slice(),
            &messages[3].raw
        ),
        (4, ["\\Seen".to_owned()].as_slice(), &raw)
    );
    client.command("SELECT INBOX").await;
    client.command("UID STORE 4 +FLAGS.SILENT (Work)").await;
    assert_eq!(client.flags_by_uid("INBOX").await[&4], ["\\Seen", "Work"]);
    client.command("SELECT INBOX").await;
    let moved = client.command("UID MOVE 4 Archive").await;
    assert_eq!(ImapClient::copied(&moved), [(4, 1)]);
    assert_eq!(client.flags_by_uid("Archive").await[&1], ["\\Seen", "Work"]);
    // Nobody else sees that.
    let mut other = ImapClient::login_at(addr, "joe", "any").await;
    assert_eq!(other.messages("INBOX").await.len(), 3);
    assert_eq!(other.messages("Archive").await.len(), 0);
}
