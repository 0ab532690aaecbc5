//! One message: MAIL, RCPT, DATA, the final dot.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::body::DotStuffer;
use crate::envelope::{Commands, Envelope};
use crate::error::{Phase, SmtpError};
use crate::reply::Reply;
use crate::session::{Session, refused};

/// Commands sent ahead of their answers at most, so that neither side blocks on full buffers.
const WINDOW: usize = 50;

/// What is read of the message at a time, in bytes.
const BLOCK: usize = 16 * 1024;

/// How long a server that cut the message short is heard out.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A recipient the server did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The address, as given.
    pub address: String,
    /// The server's answer.
    pub reply: Reply,
}

/// A message the server took responsibility for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The answer to the final dot; often it names the queue id.
    pub reply: Reply,
    /// The recipients it was accepted for, as given.
    pub accepted: Vec<String>,
    /// The recipients that were refused.
    pub rejected: Vec<Rejected>,
}

impl Accepted {
    /// The answer as text, with its code.
    pub fn response(&self) -> String {
        self.reply.to_string()
    }
}

/// What the server said to the envelope.
struct Answers {
    accepted: Vec<String>,
    rejected: Vec<Rejected>,
    /// Its answer to DATA, where that went along.
    data: Option<Reply>,
}

/// Why a message is not known to be accepted.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure<E> {
    /// It was not sent: refused, or cut before the final dot was handed over. [`SmtpError::is_permanent`] tells whether to retry.
    #[error(transparent)]
    NotSent(#[from] SmtpError),
    /// It was not sent: the caller's own step before the final dot failed. The session is no longer usable.
    #[error("stopped before the final dot")]
    Hook(E),
    /// The final dot was sent and no answer understood: it may or may not have been accepted.
    #[error("the outcome is unknown: {0}")]
    Unknown(SmtpError),
}

impl Session {
    /// Sends one message.
    ///
    /// The envelope goes first, in one flight with DATA where the server allows (RFC 2920). The body is then copied through a small buffer, in the form
    /// that [`DotStuffer`] makes. Before the final dot is written `before_final_dot` is awaited: the place to record durably
    /// that from here on the outcome can be unknown. If it fails, the message is not sent.
    ///
    /// After a refusal the session can be used for the next message (unless the server said 421).
    ///
    /// # Errors
    /// [`SendFailure`] keeps apart what is known not to be sent and what is unknown.
    pub async fn send<R, H, E>(
        &mut self,
        envelope: &Envelope,
        body: R,
        before_final_dot: H,
    ) -> Result<Accepted, SendFailure<E>>
    where
        R: AsyncRead + Unpin,
        H: AsyncFnOnce() -> Result<(), E>,
    {
        let commands = envelope.commands(&self.capabilities)?;
        if self.needs_reset {
            self.rset().await?;
        }
        self.begin()?;
        self.needs_reset = true;
        let Answers {
            accepted,
            rejected,
            data,
        } = self.say_envelope(envelope, &commands).await?;
        self.start_data(data).await?;
        let stuffer = self.copy(body).await?;

        before_final_dot().await.map_err(SendFailure::Hook)?;

        let mut end = Vec::with_capacity(8);
        stuffer.finish(&mut end);
        // A failure here means that the end did not leave this machine whole, so the server cannot have accepted.
        self.wire
            .write(&end, Phase::Body, self.timeouts.block)
            .await?;
        let reply = self
            .wire
            .reply(Phase::End, self.timeouts.end)
            .await
            .map_err(SendFailure::Unknown)?;
        self.settle(&reply);
        if reply.is_positive() {
            self.needs_reset = false;
            Ok(Accepted {
                reply,
                accepted,
                rejected,
            })
        } else if reply.is_intermediate() {
            Err(SendFailure::Unknown(refused(Phase::End, reply)))
        } else {
            Err(refused(Phase::End, reply).into())
        }
    }

    async fn say_envelope(
        &mut self,
        envelope: &Envelope,
        commands: &Commands,
    ) -> Result<Answers, SmtpError> {
        let window = if self.capabilities.pipelining {
            WINDOW
        } else {
            1
        };
        let (mail_limit, rcpt_limit) = (self.timeouts.mail, self.timeouts.rcpt);
        let mut accepted = Vec::new();
        let mut rejected: Vec<Rejected> = Vec::new();
        let mut data = None;
        let mut mail = Some(commands.mail.as_str());
        let mut waiting = envelope.to.iter().zip(&commands.rcpt).peekable();
        while mail.is_some() || waiting.peek().is_some() {
            let mut batch = String::new();
            let with_mail = mail.take();
            if let Some(line) = with_mail {
                self.wire.watch.command(line, Phase::Mail);
                batch.push_str(line);
                batch.push_str("\r\n");
            }
            let mut asked = Vec::new();
            while asked.len() + usize::from(with_mail.is_some()) < window
                && let Some((address, line)) = waiting.next()
            {
                self.wire.watch.command(line, Phase::Rcpt);
                batch.push_str(line);
                batch.push_str("\r\n");
                asked.push(address);
            }
            // The last command of a flight may be DATA.
            let said = asked.len() + usize::from(with_mail.is_some());
            let with_data =
                waiting.peek().is_none() && said < window && self.capabilities.pipelining;
            if with_data {
                self.wire.watch.command("DATA", Phase::Data);
                batch.push_str("DATA\r\n");
            }
            let phase = if with_mail.is_some() {
                Phase::Mail
            } else {
                Phase::Rcpt
            };
            self.wire.write(batch.as_bytes(), phase, mail_limit).await?;

            let mut mail_refusal = None;
            if with_mail.is_some() {
                let reply = self.wire.reply(Phase::Mail, mail_limit).await?;
                if reply.is_closing() {
                    return Err(refused(Phase::Mail, reply));
                }
                if !reply.is_positive() {
                    mail_refusal = Some(reply);
                }
            }
            for address in asked {
                let reply = match self.wire.reply(Phase::Rcpt, rcpt_limit).await {
                    Ok(reply) => reply,
                    // Some servers hang up after refusing MAIL: the refusal is what matters.
                    Err(error) => {
                        return Err(match mail_refusal {
                            Some(reply) => refused(Phase::Mail, reply),
                            None => error,
                        });
                    }
                };
                if reply.is_closing() && mail_refusal.is_none() {
                    return Err(refused(Phase::Rcpt, reply));
                }
                if reply.is_positive() {
                    accepted.push(address.clone());
                } else {
                    rejected.push(Rejected {
                        address: address.clone(),
                        reply,
                    });
                }
            }
            if with_data {
                match self.wire.reply(Phase::Data, self.timeouts.data).await {
                    Ok(reply) => data = Some(reply),
                    Err(error) => {
                        return Err(match mail_refusal {
                            Some(reply) => refused(Phase::Mail, reply),
                            None => error,
                        });
                    }
                }
            }
            if let Some(reply) = mail_refusal {
                self.leave_data(data.as_ref()).await?;
                return Err(refused(Phase::Mail, reply));
            }
        }
        if accepted.is_empty() {
            // One recipient who may be taken later makes the whole worth another try.
            let telling = rejected
                .iter()
                .find(|one| one.reply.is_transient())
                .or(rejected.first())
                .map(|one| one.reply.clone());
            if let Some(reply) = telling {
                self.leave_data(data.as_ref()).await?;
                return Err(SmtpError::AllRejected { reply, rejected });
            }
        }
        Ok(Answers {
            accepted,
            rejected,
            data,
        })
    }

    /// Ends a transaction that nobody is to get. A server that wants a message all the same is given an empty one, which
    /// is for nobody (RFC 2920 section 3.1).
    async fn leave_data(&mut self, data: Option<&Reply>) -> Result<(), SmtpError> {
        match data {
            Some(reply) if reply.is_intermediate() => {
                let limit = self.timeouts.data;
                self.wire.write(b".\r\n", Phase::Data, limit).await?;
                let reply = self.wire.reply(Phase::Data, limit).await?;
                self.settle(&reply);
            }
            Some(reply) => self.settle(reply),
            None => self.ready(),
        }
        Ok(())
    }

    /// Says DATA, unless that was answered already.
    async fn start_data(&mut self, answered: Option<Reply>) -> Result<(), SmtpError> {
        let reply = match answered {
            Some(reply) => reply,
            None => {
                self.wire
                    .exchange("DATA", Phase::Data, self.timeouts.data)
                    .await?
            }
        };
        if reply.is_intermediate() {
            return Ok(());
        }
        if reply.is_positive() {
            // It is not known what it would do with the message.
            return Err(SmtpError::Protocol {
                phase: Phase::Data,
                reason: reply.to_string(),
            });
        }
        self.settle(&reply);
        Err(refused(Phase::Data, reply))
    }

    /// Copies the message, without its end.
    async fn copy<R: AsyncRead + Unpin>(&mut self, mut body: R) -> Result<DotStuffer, SmtpError> {
        let limit = self.timeouts.block;
        let phase = Phase::Body;
        let mut stuffer = DotStuffer::default();
        let mut size = 0;
        let mut input = vec![0; BLOCK];
        let mut output = Vec::with_capacity(BLOCK + BLOCK / 8);
        loop {
            let length = match timeout(limit, body.read(&mut input)).await {
                Ok(Ok(length)) => length,
                Ok(Err(error)) => return Err(SmtpError::Body(error)),
                Err(_) => return Err(SmtpError::Body(std::io::ErrorKind::TimedOut.into())),
            };
            let Some(block) = input.get(..length).filter(|block| !block.is_empty()) else {
                break;
            };
            size += block.len() as u64;
            output.clear();
            stuffer.feed(block, &mut output);
            let sent = match timeout(limit, self.wire.stream.write_all(&output)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(source)) => Err(SmtpError::Lost { phase, source }),
                Err(_) => Err(SmtpError::Timeout {
                    phase,
                    after: limit,
                }),
            };
            if let Err(error) = sent {
                return Err(self.last_words(error).await);
            }
        }
        self.wire.watch.message(size);
        // Everything but the end is on its way before the outcome can become unknown.
        match self.wire.write(b"", phase, limit).await {
            Ok(()) => Ok(stuffer),
            Err(error) => Err(self.last_words(error).await),
        }
    }

    /// A server that stops reading has often said why.
    async fn last_words(&mut self, error: SmtpError) -> SmtpError {
        match self.wire.reply(Phase::Body, LAST_WORDS).await {
            Ok(reply) if reply.code >= 400 => refused(Phase::Body, reply),
            _ => error,
        }
    }
}
