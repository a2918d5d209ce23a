//! Bytes that a socket didn't take at once.

use std::io::{self, ErrorKind, Write};

#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Where to append what is to be written.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes what waits and then `bytes`, as much of both as the socket takes; the rest waits.
    pub(super) fn write(&mut self, to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        if !self.is_empty() {
            self.bytes.extend_from_slice(bytes);
            return self.flush(to);
        }
        let written = write(to, bytes)?;
        self.bytes.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    pub(super) fn flush(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.written += write(to, &self.bytes[self.written..])?;
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        }
        Ok(())
    }
}

/// How much the socket took. Less than all, and its next readiness is told.
fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, and then none until it is asked anew.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room).min(2);
            if length == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= length;
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_bytes_arrive_in_their_order() {
        let (mut outbox, mut socket) = (Outbox::default(), Narrow { taken: Vec::new(), room: 5 });
        outbox.write(&mut socket, b"abc").expect("room");
        assert!(outbox.is_empty());
        outbox.write(&mut socket, b"defg").expect("room");
        assert_eq!(outbox.len(), 2);
        outbox.write(&mut socket, b"hi").expect("no error");
        assert_eq!((outbox.len(), &socket.taken[..]), (4, &b"abcde"[..]));
        for room in [3, 1] {
            socket.room = room;
            outbox.flush(&mut socket).expect("no error");
        }
        assert_eq!((outbox.is_empty(), &socket.taken[..]), (true, &b"abcdefghi"[..]));
    }
}
