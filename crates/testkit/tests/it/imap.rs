use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posthouse_testkit::{
    ImapClient, access_token, imap_addr, imap_append, imap_messages, mail, unique_user,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_is_appended_is_found_again() {
    let user = unique_user();
    let samples = mail::messages(9);
    for sample in &samples {
        imap_append(&user, "INBOX", &sample.raw).await;
    }
    let found = imap_messages(&user, "INBOX").await;
    assert_eq!(
        found.iter().map(|message| message.uid).collect::<Vec<_>>(),
        (1..=9).collect::<Vec<_>>()
    );
    for (sample, message) in samples.iter().zip(&found) {
        assert_eq!(message.raw, sample.raw);
        assert!(
            !message.flags.iter().any(|flag| flag == "\\Seen"),
            "looking sets no flag"
        );
    }
}

#[tokio::test]
async fn flags_and_special_folders_are_there() {
    let user = unique_user();
    let mut client = ImapClient::login(&user).await;
    client
        .append(
            "Sent",
            "\\Seen \\Answered",
            &mail::plain("x", "Grüße", "Text\n."),
        )
        .await;
    let sent = client.messages("Sent").await;
    assert!(sent[0].flags.contains(&"\\Answered".to_owned()));
    let list = client.command("LIST \"\" * RETURN (SPECIAL-USE)").await;
    let list = list
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n");
    for folder in ["Sent", "Drafts", "Trash", "Junk", "Archive"] {
        assert!(list.contains(&format!("\\{folder}")), "{list}");
    }
}

#[tokio::test]
async fn access_tokens_are_taken_while_they_are_valid() {
    let user = unique_user();
    assert!(xoauth2(&user, &access_token(&user, 60)).await);
    assert!(!xoauth2(&user, &access_token(&user, -60)).await);
    assert!(!xoauth2(&user, &access_token("somebody-else", 60)).await);
}

async fn xoauth2(user: &str, token: &str) -> bool {
    let mut stream = BufReader::new(TcpStream::connect(imap_addr()).await.unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let response = STANDARD.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"));
    stream
        .write_all(format!("a AUTHENTICATE XOAUTH2 {response}\r\n").as_bytes())
        .await
        .unwrap();
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if line.starts_with('+') {
            stream.write_all(b"\r\n").await.unwrap();
        } else if line.starts_with("a ") {
            return line.starts_with("a OK");
        }
    }
}
