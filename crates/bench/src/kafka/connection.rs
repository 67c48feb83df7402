//! A connection: requests into its outbox, responses out of its inbox.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use anyhow::{Context, Result, anyhow, bail, ensure};
use anymq_kafka::wire::{
    ApiKey, ErrorCode, Field, IntoResponse, Reader, Request, Version, Writer, split_frame,
};

use crate::socket::{Inbox, Socket};

/// Largest response.
const RESPONSE_BYTES_MAX: usize = 1 << 30;
const CLIENT_ID: &str = "anymq-bench";

/// The versions a server speaks of each api: the lowest and the highest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(pub(crate) BTreeMap<i16, (i16, i16)>);

impl Versions {
    /// The highest version that both sides know.
    pub(crate) fn of(&self, api: ApiKey) -> Result<i16> {
        let ours = api.decodes();
        let (low, high) =
            *self.0.get(&api.code()).with_context(|| format!("the server does not know {}", api.name()))?;
        let version = high.min(*ours.end());
        ensure!(
            version >= low.max(*ours.start()),
            "the server speaks {} {low} to {high}, the benchmark {ours:?}",
            api.name()
        );
        Ok(version)
    }
}

/// One socket after its set-up.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) versions: Versions,
    /// Of the next request.
    pub(crate) correlation: i32,
}

impl Connection {
    /// Sends what is left and waits until the server has read it all: until it answers something.
    pub(crate) fn drain(mut self) -> Result<()> {
        self.socket.block()?;
        let versions = Request::ApiVersions(Default::default());
        encode(&versions, 0, self.correlation, &mut self.socket.outbox.bytes);
        self.socket.flush().context("close the connection")?;
        loop {
            while let Some((frame, bytes)) = next_frame(&mut self.socket.inbox)? {
                let answered = frame.first_chunk() == Some(&self.correlation.to_be_bytes());
                self.socket.inbox.consume(bytes);
                if answered {
                    return Ok(());
                }
            }
            self.socket.fill().context("close the connection")?;
        }
    }
}

/// Appends the frame of a request.
pub(crate) fn encode(request: &Request<'_>, version: i16, correlation: i32, out: &mut Vec<u8>) {
    let mut writer = Writer::request(request.api(), version, correlation, Some(CLIENT_ID));
    request.write(&mut writer, version);
    for part in writer.finish().parts() {
        out.extend_from_slice(part);
    }
}

/// The first frame of the inbox and the bytes it takes, if it is whole; else there is room for all of it.
pub(crate) fn next_frame(inbox: &mut Inbox) -> Result<Option<(&[u8], usize)>> {
    if let Some(size) = inbox.unparsed().first_chunk() {
        // A size beyond the limit is refused below.
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(0).min(RESPONSE_BYTES_MAX);
        inbox.reserve(size + 4);
    }
    split_frame(inbox.unparsed(), RESPONSE_BYTES_MAX).map_err(|error| bad(&error))
}

/// The correlation id of a response and what it says.
pub(crate) fn decode<'a, T: IntoResponse<'a>>(frame: &'a [u8], version: i16) -> Result<(i32, T)> {
    let plain = Version { number: 0, flexible: false };
    let mut input = Reader::new(frame);
    let mut read = || {
        let correlation = i32::read(&mut input, plain)?;
        if T::API.response_header_is_flexible(version) {
            input.skip_tags()?;
        }
        Ok((correlation, T::read(&mut input, T::API.version(version))?))
    };
    read().map_err(|error| bad(&error))
}

fn bad(error: &anymq_kafka::wire::WireError) -> anyhow::Error {
    anyhow!("the server sent a bad response: {error}")
}

/// An error if the server's answer about `what` is one.
pub(crate) fn check(code: ErrorCode, message: Option<&str>, what: impl FnOnce() -> String) -> Result<()> {
    if code.is_none() {
        return Ok(());
    }
    let more = match (code, message) {
        (_, Some(message)) => format!(": {message}"),
        (ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH, None) => {
            ": another server has become the partition's leader".to_owned()
        }
        (ErrorCode::OFFSET_OUT_OF_RANGE, None) => {
            ": records were deleted before they were consumed".to_owned()
        }
        _ => String::new(),
    };
    bail!("{}: the server answers {} ({}){more}", what(), code.name(), code.0)
}

/// Writes a request and reads until its answer is whole; for a socket that blocks.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8], inbox: &mut Vec<u8>) -> Result<()> {
    stream.write_all(request).context("write to the server")?;
    inbox.clear();
    let mut size = [0; 4];
    stream.read_exact(&mut size).context("read from the server")?;
    let size = usize::try_from(i32::from_be_bytes(size)).ok().filter(|size| *size <= RESPONSE_BYTES_MAX);
    let size = size.context("the server's answer is no Kafka response")?;
    let read = stream.take(size as u64).read_to_end(inbox).context("read from the server")?;
    ensure!(read == size, "the server closed the connection");
    Ok(())
}
