//! Messages from a worker to the server.

use bytes::Bytes;

use super::to_worker::{read_headers, write_headers};
use crate::{
    ErrorKind, Frame, Level, LogLine, Logs, Redirect, Stage,
    frame::{FrameError, Reader, Writer},
};

/// A request of the running script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchCall {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) redirect: Redirect,
}

/// A run went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) matched: bool,
    pub(crate) body: Option<Bytes>,
    pub(crate) cpu_us: u64,
    pub(crate) logs: Logs,
}

/// A run or a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) stage: Option<Stage>,
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) stack: Box<[Frame]>,
    pub(crate) logs: Logs,
    /// The worker ends itself after this message.
    pub(crate) ends: bool,
}

/// A message from a worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromWorker {
    /// It has set its limits.
    Ready(u32),
    /// It does not have the script to run: send its source, and the run again.
    NoSource,
    Fetch(u32, FetchCall),
    /// What was logged until now, in a run that takes long.
    Logs(Logs),
    Done(Verdict),
    Failed(Fault),
    /// A checked body can be compiled.
    Sound,
}

const READY: u8 = 1;
const NO_SOURCE: u8 = 2;
const FETCH: u8 = 3;
const LOGS: u8 = 4;
const DONE: u8 = 5;
const FAILED: u8 = 6;
const SOUND: u8 = 7;

/// The kinds that a worker may report, by number.
const KINDS: [ErrorKind; 9] = [
    ErrorKind::Syntax,
    ErrorKind::Thrown,
    ErrorKind::Cpu,
    ErrorKind::Wall,
    ErrorKind::Memory,
    ErrorKind::Unsettled,
    ErrorKind::NotJson,
    ErrorKind::TooLarge,
    ErrorKind::Input,
];
const STAGES: [Stage; 2] = [Stage::Filter, Stage::Map];
const REDIRECTS: [Redirect; 3] = [Redirect::Follow, Redirect::Error, Redirect::Manual];

fn write_of<T: PartialEq>(out: &mut Writer, all: &[T], one: &T) {
    let index = all.iter().position(|other| other == one);
    out.u8(index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(u8::MAX));
}

fn read_of<T: Copy>(from: &mut Reader, all: &[T]) -> Result<T, FrameError> {
    let index = from.u8()?;
    all.get(usize::from(index))
        .copied()
        .ok_or(FrameError::Malformed)
}

fn write_logs(out: &mut Writer, logs: &Logs) {
    out.u32(logs.dropped);
    out.u32(u32::try_from(logs.lines.len()).unwrap_or(u32::MAX));
    for line in &logs.lines {
        out.u8(line.level.index()).str(&line.text);
    }
}

fn read_logs(from: &mut Reader) -> Result<Logs, FrameError> {
    Ok(Logs {
        dropped: from.u32()?,
        lines: from.list(|from| {
            Ok(LogLine {
                level: Level::from_index(from.u8()?).ok_or(FrameError::Malformed)?,
                text: from.str()?,
            })
        })?,
    })
}

impl Fault {
    fn write(&self, out: &mut Writer) {
        write_of(out, &KINDS, &self.kind);
        out.option(self.stage.as_ref(), |out, stage| {
            write_of(out, &STAGES, stage)
        })
        .str(&self.name)
        .str(&self.message);
        out.u32(u32::try_from(self.stack.len()).unwrap_or(u32::MAX));
        for frame in &self.stack {
            write_of(out, &STAGES, &frame.stage);
            out.option(frame.function.as_deref(), |out, name| {
                out.str(name);
            })
            .u32(frame.line)
            .u32(frame.column);
        }
        write_logs(out, &self.logs);
        out.bool(self.ends);
    }

    fn read(from: &mut Reader) -> Result<Self, FrameError> {
        Ok(Self {
            kind: read_of(from, &KINDS)?,
            stage: from.option(|from| read_of(from, &STAGES))?,
            name: from.str()?,
            message: from.str()?,
            stack: from
                .list(|from| {
                    Ok(Frame {
                        stage: read_of(from, &STAGES)?,
                        function: from.option(Reader::str)?,
                        line: from.u32()?,
                        column: from.u32()?,
                    })
                })?
                .into(),
            logs: read_logs(from)?,
            ends: from.bool()?,
        })
    }
}

impl FromWorker {
    /// As a frame.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let out = match self {
            Self::Ready(version) => {
                let mut out = Writer::new(READY);
                out.u32(*version);
                out
            }
            Self::NoSource => Writer::new(NO_SOURCE),
            Self::Fetch(id, call) => {
                let mut out = Writer::new(FETCH);
                out.u32(*id).str(&call.method).str(&call.url);
                write_headers(&mut out, &call.headers);
                out.option(call.body.as_ref(), |out, body| {
                    out.bytes(body);
                });
                write_of(&mut out, &REDIRECTS, &call.redirect);
                out
            }
            Self::Logs(logs) => {
                let mut out = Writer::new(LOGS);
                write_logs(&mut out, logs);
                out
            }
            Self::Done(verdict) => {
                let mut out = Writer::new(DONE);
                out.bool(verdict.matched)
                    .option(verdict.body.as_ref(), |out, body| {
                        out.bytes(body);
                    })
                    .u64(verdict.cpu_us);
                write_logs(&mut out, &verdict.logs);
                out
            }
            Self::Failed(fault) => {
                let mut out = Writer::new(FAILED);
                fault.write(&mut out);
                out
            }
            Self::Sound => Writer::new(SOUND),
        };
        out.finish()
    }

    /// From a frame's content.
    pub(crate) fn decode(frame: Bytes) -> Result<Self, FrameError> {
        let mut from = Reader::new(frame);
        let message = match from.u8()? {
            READY => Self::Ready(from.u32()?),
            NO_SOURCE => Self::NoSource,
            FETCH => Self::Fetch(
                from.u32()?,
                FetchCall {
                    method: from.str()?,
                    url: from.str()?,
                    headers: read_headers(&mut from)?,
                    body: from.option(Reader::bytes)?,
                    redirect: read_of(&mut from, &REDIRECTS)?,
                },
            ),
            LOGS => Self::Logs(read_logs(&mut from)?),
            DONE => Self::Done(Verdict {
                matched: from.bool()?,
                body: from.option(Reader::bytes)?,
                cpu_us: from.u64()?,
                logs: read_logs(&mut from)?,
            }),
            FAILED => Self::Failed(Fault::read(&mut from)?),
            SOUND => Self::Sound,
            _ => return Err(FrameError::Malformed),
        };
        from.end()?;
        Ok(message)
    }
}
