//! From a client's bytes to its messages (RFC 6455, sections 5.4 to 5.6). Pure.

use super::frame::{Header, Opcode};
use crate::protocol::CloseCode;
use std::{mem, ops::Range};

/// Holds what has come of a message whose end hasn't, and between two turns nothing else.
#[derive(Debug)]
pub struct Reader {
    /// The largest message, in bytes.
    limit: usize,
    unread: Vec<u8>,
    /// How much of `unread` was read.
    at: usize,
    /// What a message that takes several frames is, while some are still to come.
    open: Option<Opcode>,
    /// What has come of it.
    fragments: Vec<u8>,
}

/// What a client said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message<'a> {
    /// A whole message of text.
    Text(&'a str),
    /// A whole message of bytes.
    Binary(&'a [u8]),
    /// A ping, to be answered with the same.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// With the code that it gave, if it gave one.
    Close(Option<u16>),
    /// A frame of a message that isn't whole yet.
    Fragment,
}

impl Reader {
    /// A client that has said nothing yet, and whose messages may have so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, unread: Vec::new(), at: 0, open: None, fragments: Vec::new() }
    }

    /// Takes what has come.
    pub fn take(&mut self, bytes: &[u8]) {
        self.unread.drain(..mem::take(&mut self.at));
        self.unread.extend_from_slice(bytes);
    }

    /// Gives back the memory of what was read.
    pub fn rest(&mut self) {
        self.unread.drain(..mem::take(&mut self.at));
        self.unread.shrink_to_fit();
        if self.open.is_none() {
            self.fragments = Vec::new();
        }
    }

    /// How many bytes it has memory for.
    pub fn kept(&self) -> usize {
        self.unread.capacity() + self.fragments.capacity()
    }

    /// The next frame's message, once all of the frame is there: each frame makes one, so that each can be counted. Who breaks the rules has said its last: the error is the code to close
    /// with.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, CloseCode> {
        if self.open.is_none() {
            self.fragments.clear();
        }
        let Some((header, range)) = self.next_frame()? else { return Ok(None) };
        let opcode = match (header.opcode, self.open) {
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(CloseCode::ProtocolError);
            }
            (opcode @ (Opcode::Text | Opcode::Binary), None) if !header.last => opcode,
            (Opcode::Continuation, Some(opcode)) => opcode,
            (opcode, _) => return message(opcode, &self.unread[range]).map(Some),
        };
        self.fragments.extend_from_slice(&self.unread[range]);
        self.open = (!header.last).then_some(opcode);
        if self.open.is_some() {
            return Ok(Some(Message::Fragment));
        }
        message(opcode, &self.fragments).map(Some)
    }

    /// The next frame, once all of it is there, unmasked.
    fn next_frame(&mut self) -> Result<Option<(Header, Range<usize>)>, CloseCode> {
        let unread = &mut self.unread[self.at..];
        let Some(header) = Header::parse(unread)? else { return Ok(None) };
        let length = usize::try_from(header.length).map_err(|_| CloseCode::TooBig)?;
        let before = if header.opcode.is_control() { 0 } else { self.fragments.len() };
        if length > self.limit.saturating_sub(before) && !header.opcode.is_control() {
            return Err(CloseCode::TooBig);
        }
        let Some(payload) = unread.get_mut(header.size..header.size + length) else { return Ok(None) };
        header.unmask(payload);
        let start = self.at + header.size;
        self.at = start + length;
        Ok(Some((header, start..self.at)))
    }
}

fn message(opcode: Opcode, payload: &[u8]) -> Result<Message<'_>, CloseCode> {
    Ok(match opcode {
        Opcode::Text => Message::Text(str::from_utf8(payload).map_err(|_| CloseCode::BadUtf8)?),
        Opcode::Binary => Message::Binary(payload),
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong,
        Opcode::Close => Message::Close(close_code(payload)?),
        Opcode::Continuation => unreachable!("part of a message"),
    })
}

/// The code in a close frame, where it has one that may be sent (section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseCode> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(CloseCode::ProtocolError) };
    };
    str::from_utf8(reason).map_err(|_| CloseCode::BadUtf8)?;
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(CloseCode::ProtocolError),
    }
}

#[cfg(test)]
mod tests;
