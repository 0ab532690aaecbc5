//! A mail server of a few words: it answers commands by rules and keeps what it was told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

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
    sessions: Arc<AtomicUsize>,
}

impl Stub {
    /// Greets, then answers by the first rule that fits, `OK` where none does.
    pub async fn start(greeting: &'static str, rules: &'static [Rule]) -> Self {
        Self::with(greeting, vec![rules], usize::MAX).await
    }

    /// The same with rules of their own for each session; the last ones are those of all that follow.
    pub async fn by_session(greeting: &'static str, rules: Vec<&'static [Rule]>) -> Self {
        Self::with(greeting, rules, usize::MAX).await
    }

    /// The same, but no more than so many connections at once.
    pub async fn limited(greeting: &'static str, rules: &'static [Rule], most: usize) -> Self {
        Self::with(greeting, vec![rules], most).await
    }

    async fn with(greeting: &'static str, rules: Vec<&'static [Rule]>, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let sessions = Arc::new(AtomicUsize::new(0));
        let begun = Arc::clone(&sessions);
        tokio::spawn(async move {
            let open = Arc::new(());
            while let Ok((mut socket, _)) = listener.accept().await {
                if Arc::strong_count(&open) > most {
                    let words = b"* BYE [LIMIT] Too many connections\r\n";
                    let _ = socket.write_all(words).await;
                    continue;
                }
                let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
                let session = begun.fetch_add(1, Ordering::Relaxed);
                let rules = rules[session.min(rules.len() - 1)];
                tokio::spawn(async move {
                    serve(socket, greeting, rules, seen).await;
                    drop(open);
                });
            }
        });
        Self {
            port,
            lines,
            sessions,
        }
    }

    /// Sessions so far.
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
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
