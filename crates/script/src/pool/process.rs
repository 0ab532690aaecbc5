//! One worker's process, as the server sees it.

use std::{
    collections::{HashSet, VecDeque},
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout},
};

use crate::{
    Digest, PoolOptions,
    frame::{Decoder, FrameError},
    message::{FromWorker, Setup, ToWorker, VERSION},
};

/// Until a worker has started.
const START: Duration = Duration::from_secs(15);
/// Until a killed one is gone.
const END: Duration = Duration::from_secs(2);
/// Address space that a worker may use beyond JavaScript's own: frames, copies, realms at rest.
const SPACE: u64 = 256 << 20;
/// Bytes of its standard error that are logged.
const STDERR: usize = 16 << 10;

/// What went wrong with a worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the worker sent {0}")]
    Frame(#[from] FrameError),
}

/// A running worker. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    decoder: Decoder,
    waiting: VecDeque<Bytes>,
    /// Scripts that it was sent. It may have forgotten some since, and says so then.
    pub(super) known: HashSet<Digest>,
    /// Since when it has nothing to do.
    pub(super) idle_since: Instant,
}

impl Process {
    /// Starts one and waits until it has set its limits.
    pub(super) async fn start(options: &PoolOptions) -> Result<Self, String> {
        let mut child = Command::new(&options.program)
            .args(&options.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", options.program.display()))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("the worker has no pipes".to_owned());
        };
        tokio::spawn(log(errors));
        let mut process = Self {
            child,
            input,
            output,
            decoder: Decoder::default(),
            waiting: VecDeque::new(),
            known: HashSet::new(),
            idle_since: Instant::now(),
        };
        process
            .queue(&ToWorker::Setup(Setup {
                version: VERSION,
                memory: options.memory as u64,
                space: SPACE + options.memory as u64 * 2,
                cached_scripts: options.cached_scripts,
            }))
            .map_err(|error| error.to_string())?;
        match timeout(START, process.turn()).await {
            Ok(Ok(Some(FromWorker::Ready(VERSION)))) => Ok(process),
            Ok(Ok(Some(_))) => Err("the worker is of another version".to_owned()),
            Ok(Ok(None)) => Err(format!("the worker {}", process.end().await)),
            Ok(Err(error)) => Err(format!("{error}; it {}", process.end().await)),
            Err(_) => Err("the worker did not start in time".to_owned()),
        }
    }

    /// To be written as soon as the pipe takes it.
    pub(super) fn queue(&mut self, message: &ToWorker) -> Result<(), FrameError> {
        self.waiting.push_back(message.encode()?.into());
        Ok(())
    }

    /// The next message, none when the worker has closed its output. Writes what is queued meanwhile: both sides
    /// may have more to say than a pipe holds. Nothing is lost if the future is dropped.
    pub(super) async fn turn(&mut self) -> Result<Option<FromWorker>, ProcessError> {
        /// Room to ask of the buffer for one read.
        const ROOM: usize = 16 << 10;
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(Some(FromWorker::decode(frame)?));
            }
            self.decoder.buffer.reserve(ROOM);
            tokio::select! {
                biased;
                written = write(&mut self.input, &mut self.waiting), if !self.waiting.is_empty() => {
                    // What the worker said before it broke off is still to be read.
                    if written.is_err() {
                        self.waiting.clear();
                    }
                }
                read = self.output.read_buf(&mut self.decoder.buffer) => {
                    if read? == 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// It has not ended by itself.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it, and says how it ended if it had done so before.
    pub(super) async fn end(&mut self) -> Ending {
        // The pipe may be closed a moment before the process is gone.
        let status = match timeout(Duration::from_millis(100), self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => None,
        };
        self.kill().await;
        Ending(status)
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        if self.child.start_kill().is_ok() {
            let _ = timeout(END, self.child.wait()).await;
        }
    }
}

async fn write(input: &mut ChildStdin, waiting: &mut VecDeque<Bytes>) -> io::Result<()> {
    while let Some(front) = waiting.front_mut() {
        input.write_buf(front).await?;
        if !front.has_remaining() {
            waiting.pop_front();
        }
    }
    Ok(())
}

/// How a worker ended.
#[derive(Debug)]
pub(super) struct Ending(Option<ExitStatus>);

impl Ending {
    /// The system ended it because it had used its time of the processor.
    pub(super) fn by_cpu_limit(&self) -> bool {
        self.0.and_then(|status| status.signal()) == Some(rustix::process::Signal::XCPU.as_raw())
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => write!(out, "was ended by signal {signal}"),
                (None, Some(code)) => write!(out, "ended with status {code}"),
                (None, None) => write!(out, "ended"),
            },
            None => write!(out, "closed its pipe"),
        }
    }
}

/// Standard error into the log, bounded; the rest is read and dropped, so that the worker never waits for it.
async fn log(mut errors: ChildStderr) {
    let mut left = STDERR;
    let mut buffer = vec![0; 4096];
    while let Ok(length @ 1..) = errors.read(&mut buffer).await {
        let text = String::from_utf8_lossy(buffer.get(..length.min(left)).unwrap_or_default());
        left = left.saturating_sub(length);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            tracing::warn!(line, "a script worker wrote to its standard error");
        }
    }
}
