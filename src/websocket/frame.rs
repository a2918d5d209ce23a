//! A frame as bytes (RFC 6455, section 5.2). Pure.

use crate::protocol::CloseCode;

/// The most that a control frame may carry.
const MAX_CONTROL: u64 = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn parse(number: u8) -> Option<Self> {
        Some(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What comes before a frame's payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) last: bool,
    pub(super) opcode: Opcode,
    mask: [u8; 4],
    /// Of the payload, in bytes.
    pub(super) length: u64,
    /// Of the header itself, in bytes.
    pub(super) size: usize,
}

impl Header {
    /// Reads the header of a client's frame; `None` while there isn't all of it. Fails with the code to close with.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, CloseCode> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::parse(first & 0x0F).ok_or(CloseCode::ProtocolError)?;
        let (last, reserved, masked) = (first & 0x80 != 0, first & 0x70 != 0, second & 0x80 != 0);
        if reserved || !masked {
            return Err(CloseCode::ProtocolError);
        }
        let (length, rest, extended) = match second & 0x7F {
            126 => match rest.split_first_chunk::<2>() {
                Some((length, rest)) => (u16::from_be_bytes(*length).into(), rest, 2),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest, 8),
                None => return Ok(None),
            },
            length => (length.into(), rest, 0),
        };
        if opcode.is_control() && (!last || length > MAX_CONTROL) {
            return Err(CloseCode::ProtocolError);
        }
        let Some(mask) = rest.first_chunk::<4>() else { return Ok(None) };
        Ok(Some(Self { last, opcode, mask: *mask, length, size: 2 + extended + 4 }))
    }

    /// Takes the client's mask off its payload.
    pub(super) fn unmask(&self, payload: &mut [u8]) {
        // Eight bytes a step; compilers make more of it where the processor has more.
        let [a, b, c, d] = self.mask;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = payload.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(self.mask.into_iter().cycle()) {
            *byte ^= mask;
        }
    }
}

/// Appends a whole frame of ours, which has no mask.
pub(super) fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode.number());
    let length = payload.len();
    if length < 126 {
        out.extend(u8::try_from(length));
    } else if let Ok(length) = u16::try_from(length) {
        out.push(126);
        out.extend(length.to_be_bytes());
    } else {
        out.push(127);
        out.extend((length as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// Appends a close frame. Reasons of ours are short enough for a control frame.
pub(super) fn encode_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    encode(Opcode::Close, &payload, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    #[test]
    fn what_it_writes_another_library_reads() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            let mut bytes = Vec::new();
            encode(Opcode::Text, &vec![b'x'; length], &mut bytes);
            let mut cursor = Cursor::new(&bytes);
            let (header, size) = FrameHeader::parse(&mut cursor).expect("a header").expect("all of it");
            assert!(header.is_final && header.mask.is_none());
            assert_eq!(u8::from(header.opcode), 1);
            assert_eq!(
                (size, bytes.len()),
                (length as u64, usize::try_from(cursor.position()).unwrap_or(0) + length)
            );
        }
    }

    #[test]
    fn masks_of_every_alignment_come_off() {
        let payload: Vec<u8> = (0..40).collect();
        for length in 0..payload.len() {
            let header =
                Header { last: true, opcode: Opcode::Binary, mask: [1, 2, 3, 4], length: 0, size: 0 };
            let mut masked: Vec<u8> =
                payload[..length].iter().enumerate().map(|(i, byte)| byte ^ header.mask[i % 4]).collect();
            header.unmask(&mut masked);
            assert_eq!(masked, payload[..length]);
        }
    }
}
