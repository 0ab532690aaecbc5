//! A mail server of a few words: it answers commands by rules and keeps what it was told.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What is answered to commands that begin so; `{tag}` in it stands for the command's tag.
pub type Rule = (&'static str, &'static str);

/// The server. It ends with the test's runtime.
pub struct Stub {
    /// Where it listens.
    pub port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Greets, then answers by the first rule that fits, `OK` where none does.
    pub async fn start(greeting: &'static str, rules: &'static [Rule]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, greeting, rules, Arc::clone(&seen)));
            }
        });
        Self { port, lines }
    }

    /// Commands so far, without tags.
    pub fn commands(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

async fn serve(
    socket: TcpStream,
    greeting: &str,
    rules: &[Rule],
    seen: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut socket = BufReader::new(socket);
    socket.write_all(greeting.as_bytes()).await.ok()?;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let (tag, command) = line.trim_end().split_once(' ')?;
        seen.lock().unwrap().push(command.to_owned());
        let rule = rules.iter().find(|(start, _)| command.starts_with(start));
        let answer = rule.map_or("{tag} OK done\r\n", |(_, answer)| answer);
        let answer = answer.replace("{tag}", tag);
        socket.write_all(answer.as_bytes()).await.ok()?;
        if answer.starts_with("* BYE") {
            return None;
        }
    }
}
