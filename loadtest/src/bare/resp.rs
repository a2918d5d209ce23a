//! As much of Redis' protocol as publishing and subscribing take.

use anyhow::{Context, bail};

/// Appends a command.
pub(super) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    number(out, b'*', words.len());
    for word in words {
        number(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn number(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(number.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// What comes to a subscriber.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Push<'a> {
    Subscribed { channel: &'a [u8] },
    Message { channel: &'a [u8], payload: &'a [u8] },
    Unsubscribed,
}

/// The first push in `bytes` and what follows it; none if it isn't there as a whole.
pub(super) fn push(bytes: &[u8]) -> anyhow::Result<Option<(Push<'_>, &[u8])>> {
    let Some((3, rest)) = header(bytes, b'*')? else { return Ok(None) };
    let Some((kind, rest)) = bulk(rest)? else { return Ok(None) };
    let Some((channel, rest)) = bulk(rest)? else { return Ok(None) };
    if kind == b"message" {
        return Ok(bulk(rest)?.map(|(payload, rest)| (Push::Message { channel, payload }, rest)));
    }
    let Some((_channels, rest)) = header(rest, b':')? else { return Ok(None) };
    match kind {
        b"subscribe" => Ok(Some((Push::Subscribed { channel }, rest))),
        b"unsubscribe" => Ok(Some((Push::Unsubscribed, rest))),
        _ => bail!("Redis says {:?} to a subscriber", String::from_utf8_lossy(kind)),
    }
}

fn bulk(bytes: &[u8]) -> anyhow::Result<Option<(&[u8], &[u8])>> {
    let Some((length, rest)) = header(bytes, b'$')? else { return Ok(None) };
    Ok((rest.len() >= length + 2).then(|| (&rest[..length], &rest[length + 2..])))
}

/// A line that is its kind and a number.
fn header(bytes: &[u8], kind: u8) -> anyhow::Result<Option<(usize, &[u8])>> {
    let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let line = &bytes[..end];
    if line[..1.min(line.len())] != [kind] {
        bail!("Redis says {:?}", String::from_utf8_lossy(line));
    }
    let number = str::from_utf8(&line[1..])?.parse().context("a number of Redis")?;
    Ok(Some((number, &bytes[end + 2..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulks() {
        let mut out = Vec::new();
        command(&mut out, &[b"PUBLISH", b"ann", b"a\r\nb"]);
        assert_eq!(out, b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nann\r\n$4\r\na\r\nb\r\n");
    }

    #[test]
    fn pushes_are_read_once_they_are_whole() {
        let wire: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$3\r\nann\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$3\r\nann\r\n$4\r\na\r\nb\r\n";
        let first = b"*3\r\n$9\r\nsubscribe\r\n$3\r\nann\r\n:1\r\n".len();
        for end in 0..first {
            assert_eq!(push(&wire[..end]).expect("RESP"), None, "{end}");
        }
        let (subscribed, rest) = push(wire).expect("RESP").expect("whole");
        assert_eq!(subscribed, Push::Subscribed { channel: b"ann" });
        for end in 0..rest.len() {
            assert_eq!(push(&rest[..end]).expect("RESP"), None, "{end}");
        }
        let (message, rest) = push(rest).expect("RESP").expect("whole");
        assert_eq!(message, Push::Message { channel: b"ann", payload: b"a\r\nb" });
        assert!(rest.is_empty());
    }

    #[test]
    fn an_error_of_redis_ends_it() {
        assert!(push(b"-NOAUTH Authentication required.\r\n").is_err());
    }
}
