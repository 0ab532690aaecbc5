//! Messages from the server to a worker.

use bytes::Bytes;

use crate::{
    FetchResponse,
    frame::{FrameError, Reader, Writer},
    script::Source,
};

/// The first message: limits of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// [`super::VERSION`] of the server.
    pub(crate) version: u32,
    /// JavaScript's memory, in bytes.
    pub(crate) memory: u64,
    /// Address space of the process beyond what it has at the start, in bytes.
    pub(crate) space: u64,
    /// Scripts to keep compiled.
    pub(crate) cached_scripts: u32,
}

/// Limits of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) cpu_ms: u32,
    pub(crate) wall_ms: u32,
    pub(crate) max_log_lines: u32,
    pub(crate) max_log_line: u32,
    pub(crate) max_fetches: u32,
    pub(crate) max_request_body: u32,
    pub(crate) max_result: u32,
}

/// Run a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRequest {
    pub(crate) digest: [u8; 32],
    pub(crate) limits: Limits,
    pub(crate) env: Bytes,
    pub(crate) payload: Bytes,
}

/// A message from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToWorker {
    Setup(Setup),
    /// Keep this script under this digest.
    Source([u8; 32], Source),
    Run(RunRequest),
    /// Compile this body, no more.
    Check(Limits, String),
    /// The answer to a fetch of the current run.
    Answer(u32, Result<FetchResponse, String>),
}

const SETUP: u8 = 1;
const SOURCE: u8 = 2;
const RUN: u8 = 3;
const CHECK: u8 = 4;
const ANSWER: u8 = 5;

impl Limits {
    fn write(&self, out: &mut Writer) {
        out.u32(self.cpu_ms)
            .u32(self.wall_ms)
            .u32(self.max_log_lines)
            .u32(self.max_log_line)
            .u32(self.max_fetches)
            .u32(self.max_request_body)
            .u32(self.max_result);
    }

    fn read(from: &mut Reader) -> Result<Self, FrameError> {
        Ok(Self {
            cpu_ms: from.u32()?,
            wall_ms: from.u32()?,
            max_log_lines: from.u32()?,
            max_log_line: from.u32()?,
            max_fetches: from.u32()?,
            max_request_body: from.u32()?,
            max_result: from.u32()?,
        })
    }
}

/// Header fields as a list.
pub(super) fn write_headers(out: &mut Writer, headers: &[(String, String)]) {
    out.u32(u32::try_from(headers.len()).unwrap_or(u32::MAX));
    for (name, value) in headers {
        out.str(name).str(value);
    }
}

pub(super) fn read_headers(from: &mut Reader) -> Result<Vec<(String, String)>, FrameError> {
    from.list(|from| Ok((from.str()?, from.str()?)))
}

impl ToWorker {
    /// As a frame.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let out = match self {
            Self::Setup(setup) => {
                let mut out = Writer::new(SETUP);
                out.u32(setup.version)
                    .u64(setup.memory)
                    .u64(setup.space)
                    .u32(setup.cached_scripts);
                out
            }
            Self::Source(digest, source) => {
                let mut out = Writer::new(SOURCE);
                out.array(digest)
                    .option(source.filter.as_deref(), |out, text| {
                        out.str(text);
                    })
                    .option(source.map.as_deref(), |out, text| {
                        out.str(text);
                    });
                out
            }
            Self::Run(run) => {
                let mut out = Writer::new(RUN);
                out.array(&run.digest);
                run.limits.write(&mut out);
                out.bytes(&run.env).bytes(&run.payload);
                out
            }
            Self::Check(limits, source) => {
                let mut out = Writer::new(CHECK);
                limits.write(&mut out);
                out.str(source);
                out
            }
            Self::Answer(id, result) => {
                let mut out = Writer::new(ANSWER);
                out.u32(*id).bool(result.is_ok());
                match result {
                    Ok(response) => {
                        out.u32(response.status.into())
                            .str(&response.status_text)
                            .str(&response.url)
                            .bool(response.redirected);
                        write_headers(&mut out, &response.headers);
                        out.bytes(&response.body);
                    }
                    Err(reason) => {
                        out.str(reason);
                    }
                }
                out
            }
        };
        out.finish()
    }

    /// From a frame's content.
    pub(crate) fn decode(frame: Bytes) -> Result<Self, FrameError> {
        let mut from = Reader::new(frame);
        let message = match from.u8()? {
            SETUP => Self::Setup(Setup {
                version: from.u32()?,
                memory: from.u64()?,
                space: from.u64()?,
                cached_scripts: from.u32()?,
            }),
            SOURCE => Self::Source(
                from.array()?,
                Source {
                    filter: from.option(Reader::str)?,
                    map: from.option(Reader::str)?,
                },
            ),
            RUN => Self::Run(RunRequest {
                digest: from.array()?,
                limits: Limits::read(&mut from)?,
                env: from.bytes()?,
                payload: from.bytes()?,
            }),
            CHECK => Self::Check(Limits::read(&mut from)?, from.str()?),
            ANSWER => {
                let id = from.u32()?;
                let result = if from.bool()? {
                    Ok(FetchResponse {
                        status: u16::try_from(from.u32()?).map_err(|_| FrameError::Malformed)?,
                        status_text: from.str()?,
                        url: from.str()?,
                        redirected: from.bool()?,
                        headers: read_headers(&mut from)?,
                        body: from.bytes()?,
                    })
                } else {
                    Err(from.str()?)
                };
                Self::Answer(id, result)
            }
            _ => return Err(FrameError::Malformed),
        };
        from.end()?;
        Ok(message)
    }
}
