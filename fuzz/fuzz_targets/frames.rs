//! The bytes of a client's WebSocket, however they come: what is read of them doesn't depend on where they were cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard::websocket::{Message, Reader};

/// The largest message, in bytes. Small, so that it is met.
const LIMIT: usize = 300;

/// The longest frame of which all but the end may have come: its payload, its header, and a chunk.
const KEPT: usize = 2 * LIMIT + 16;

// The first byte says how the others are cut.
fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let at_once = read([bytes]);
    assert_eq!(read(bytes.chunks(1)), at_once, "byte by byte");
    assert_eq!(read(bytes.chunks(usize::from(*cut).max(1))), at_once, "in chunks of {cut}");
});

/// What was said, up to the end or the first thing that breaks the rules.
fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut reader = Reader::new(LIMIT);
    let mut said = Vec::new();
    for chunk in chunks {
        reader.take(chunk);
        loop {
            match reader.next() {
                Ok(Some(message)) => said.push(checked(&message)),
                Ok(None) => break,
                Err(code) => {
                    said.push(format!("{code:?}"));
                    return said;
                }
            }
        }
        // As at the end of each turn of a connection.
        reader.rest();
        assert!(reader.kept() <= 2 * KEPT, "{} bytes are kept", reader.kept());
    }
    said
}

fn checked(message: &Message<'_>) -> String {
    let length = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        Message::Ping(bytes) => {
            assert!(bytes.len() <= 125, "a ping is short");
            bytes.len()
        }
        Message::Pong | Message::Close(_) | Message::Fragment => 0,
    };
    assert!(length <= LIMIT);
    format!("{message:?}")
}
