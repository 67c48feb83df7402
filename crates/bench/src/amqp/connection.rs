//! A connection under load: a socket, and the frames in it.

use anyhow::{Context, Result, anyhow, bail, ensure};
use anymq_amqp::wire::{Encode, Frame, Method, MethodRef, Payload, methods, parse_frame};

use crate::socket::Socket;

/// Frame size asked for; less than half of what a socket's inbox holds.
pub(crate) const FRAME_MAX: u32 = 128 << 10;

/// One socket after its set-up.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) frame_max: u32,
}

impl Connection {
    /// Gives every whole frame of the inbox to `on_frame`, and the outbox to answer into.
    #[inline]
    pub(crate) fn frames(
        &mut self,
        mut on_frame: impl FnMut(Frame<'_>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let Socket { inbox, outbox, .. } = &mut self.socket;
        let mut rest = inbox.unparsed();
        let had = rest.len();
        let parsed = loop {
            match parse_frame(rest, self.frame_max) {
                Ok(Some((frame, bytes))) => {
                    rest = &rest[bytes..];
                    if let Err(error) = on_frame(frame, &mut outbox.bytes) {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(anyhow!("the server sent a bad frame: {error}")),
            }
        };
        let parsed_bytes = had - rest.len();
        inbox.consume(parsed_bytes);
        parsed
    }

    /// Ends the connection: sends what is left and `connection.close`, and waits until the server has read it all.
    pub(crate) fn close(mut self) -> Result<()> {
        self.socket.block()?;
        let close = methods::connection::Close { reply_code: 200, reply_text: "done", ..Default::default() };
        close.encode(0, &mut self.socket.outbox.bytes);
        self.socket.flush().context("close the connection")?;
        let mut closed = false;
        while !closed {
            let held = self.socket.inbox.unparsed().len();
            self.socket.fill().context("close the connection")?;
            let more = self.socket.inbox.unparsed().len() > held;
            ensure!(more, "the server does not answer connection.close");
            self.frames(|frame, _| {
                let key = methods::connection::CloseOk::KEY;
                closed |= matches!(frame.payload, Payload::Method(method) if method.key() == key);
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// What the server says beside what a role expects: an error if it closes something.
pub(crate) fn aside(method: &MethodRef<'_>) -> Result<()> {
    let method = method.decode().map_err(|error| anyhow!("the server sent a bad method: {error}"))?;
    match method {
        Method::ConnectionClose(methods::connection::Close { reply_code, reply_text, .. }) => {
            bail!("the server closed the connection: {reply_code} {reply_text}")
        }
        Method::ChannelClose(methods::channel::Close { reply_code, reply_text, .. }) => {
            bail!("the server closed the channel: {reply_code} {reply_text}")
        }
        Method::BasicCancel(_) => bail!("the server cancelled the consumer"),
        // Being blocked shows in the rate; everything else asks for nothing.
        _ => Ok(()),
    }
}
