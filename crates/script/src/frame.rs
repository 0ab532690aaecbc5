//! Frames on the pipe between the server and a worker: four bytes of length (big-endian), then so many bytes.

use bytes::{Buf, Bytes, BytesMut};

/// The longest frame that either side takes, in bytes. Payloads, results and bodies have their own, lower
/// limits; this one keeps a broken peer from asking for memory.
pub(crate) const MAX_FRAME: usize = 80 << 20;

/// What is wrong with a peer's bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame says that it is longer than allowed.
    #[error("a frame of {0} bytes, which is too long")]
    TooLong(usize),
    /// A frame's content is not what its kind says.
    #[error("a frame that cannot be read")]
    Malformed,
}

/// Cuts a stream of bytes into frames. Does no I/O.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Bytes that are not a whole frame yet.
    pub(crate) buffer: BytesMut,
}

impl Decoder {
    /// The next whole frame, without its length.
    ///
    /// # Errors
    /// The announced length is above [`MAX_FRAME`]; the stream is of no use afterwards.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some((head, _)) = self.buffer.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        if self.buffer.len() < length + 4 {
            self.buffer.reserve(length + 4 - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Builds one frame.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// A frame of this kind.
    pub(crate) fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind])
    }

    /// The finished frame with its length.
    ///
    /// # Errors
    /// It is longer than [`MAX_FRAME`].
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, FrameError> {
        let length = self.0.len() - 4;
        let head = u32::try_from(length)
            .ok()
            .filter(|_| length <= MAX_FRAME)
            .ok_or(FrameError::TooLong(length))?;
        self.0.splice(..4, head.to_be_bytes());
        Ok(self.0)
    }

    /// One byte.
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// A truth.
    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// A number of 32 bits.
    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A number of 64 bits.
    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Fixed bytes.
    pub(crate) fn array<const N: usize>(&mut self, value: &[u8; N]) -> &mut Self {
        self.0.extend_from_slice(value);
        self
    }

    /// Bytes with their length. What is longer than a frame may be is refused by [`Self::finish`].
    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
        self
    }

    /// Text with its length.
    pub(crate) fn str(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// What may be absent.
    pub(crate) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }
}

/// Reads the fields of one frame, in the order in which [`Writer`] wrote them.
#[derive(Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    /// Over a frame's content.
    pub(crate) fn new(frame: Bytes) -> Self {
        Self(frame)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, FrameError> {
        if self.0.len() < length {
            return Err(FrameError::Malformed);
        }
        Ok(self.0.split_to(length))
    }

    /// Fixed bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let taken = self.take(N)?;
        <[u8; N]>::try_from(taken.as_ref()).map_err(|_| FrameError::Malformed)
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Result<u8, FrameError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A truth.
    pub(crate) fn bool(&mut self) -> Result<bool, FrameError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FrameError::Malformed),
        }
    }

    /// A number of 32 bits.
    pub(crate) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub(crate) fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, FrameError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// Text.
    pub(crate) fn str(&mut self) -> Result<String, FrameError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| FrameError::Malformed)
    }

    /// What may be absent.
    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, FrameError>,
    ) -> Result<Option<T>, FrameError> {
        self.bool()?.then(|| read(self)).transpose()
    }

    /// A list. Its announced length costs no memory before the items are there.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, FrameError>,
    ) -> Result<Vec<T>, FrameError> {
        let count = self.u32()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), FrameError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Malformed)
        }
    }
}
