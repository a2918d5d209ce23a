//! What a message says of itself, so that whoever hears it can tell whether all is right with it.
//!
//! A body is the inside of a JSON string: a header of fixed length, a line end as it stands in an SDP (which a server that
//! parses and writes JSON has to escape again), and padding that follows from the header.

use crate::dialect::Kind;
use std::fmt::Write as _;

/// Hexadecimal digits of: from, to, number, time, length.
const DIGITS: [usize; 5] = [8, 8, 8, 14, 6];
/// The kind's letter, the digits, and eight digits of a check sum.
const HEADER: usize = 1 + 8 + 8 + 8 + 14 + 6 + 8;
const LINE_END: &str = r"\r\n";
/// The shortest body.
pub(crate) const LEAST: usize = HEADER + LINE_END.len();

/// Where padding begins in its text depends on the message.
const PERIOD: usize = 1021;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    /// The sender's membership, and the receiver's.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// 1 for the first from that sender to that receiver.
    pub(crate) n: u32,
    /// When it was to be sent, in microseconds of the worker's clock.
    pub(crate) due_us: u64,
    pub(crate) kind: Kind,
}

/// Writes and reads bodies of up to a size.
pub(crate) struct Stamper {
    padding: String,
}

impl Stamper {
    pub(crate) fn new(largest: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        Self { padding: (0..largest + PERIOD).map(|_| random.alphanumeric()).collect() }
    }

    /// Writes a body of `size` bytes, or of [`LEAST`] if that is more.
    pub(crate) fn write(&self, stamp: Stamp, size: usize, body: &mut String) {
        let size = size.max(LEAST);
        body.clear();
        body.push(letter(stamp.kind));
        let numbers =
            [u64::from(stamp.from), u64::from(stamp.to), u64::from(stamp.n), stamp.due_us, size as u64];
        for (number, digits) in numbers.into_iter().zip(DIGITS) {
            push_hex(body, number, digits);
        }
        let check = check(body.as_bytes());
        push_hex(body, u64::from(check), 8);
        body.push_str(LINE_END);
        body.push_str(self.padding(check, size));
    }

    /// Reads a body; if it isn't one as [`Self::write`] makes them, says what is wrong.
    pub(crate) fn read(&self, body: &str) -> Result<Stamp, String> {
        let (header, rest) = body.split_at_checked(HEADER).ok_or_else(|| odd("it is too short", body))?;
        let (said, sum) = header.split_at(HEADER - 8);
        let check = check(said.as_bytes());
        if hex(sum) != Some(u64::from(check)) {
            return Err(odd("its header was altered", body));
        }
        let (kind, mut digits) = said.split_at(1);
        let mut numbers = [0; 5];
        for (number, count) in numbers.iter_mut().zip(DIGITS) {
            let (head, tail) = digits.split_at(count);
            *number = hex(head).ok_or_else(|| odd("its header has no numbers", body))?;
            digits = tail;
        }
        let [from, to, n, due_us, size] = numbers;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if body.len() != size {
            return Err(odd(&format!("it has {} bytes, and had {size}", body.len()), body));
        }
        if rest.strip_prefix(LINE_END) != Some(self.padding(check, size)) {
            return Err(odd("what follows its header was altered", body));
        }
        let kind = kind_of(kind).ok_or_else(|| odd("it is of no known kind", body))?;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Stamp { from: small(from), to: small(to), n: small(n), due_us, kind })
    }

    fn padding(&self, check: u32, size: usize) -> &str {
        let start = check as usize % PERIOD;
        let end = (start + size.saturating_sub(LEAST)).min(self.padding.len());
        &self.padding[start..end]
    }
}

/// FNV-1a, folded over words: not against malice.
fn check(text: &[u8]) -> u32 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in text.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^= sum >> 29;
    }
    (sum >> 32) as u32
}

fn push_hex(text: &mut String, number: u64, digits: usize) {
    for place in (0..digits).rev() {
        text.push(char::from(b"0123456789abcdef"[(number >> (4 * place)) as usize & 15]));
    }
}

fn hex(digits: &str) -> Option<u64> {
    let mut number = 0;
    for digit in digits.bytes() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(value);
    }
    Some(number)
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::Offer => 'o',
        Kind::Answer => 'a',
        Kind::Candidate => 'c',
    }
}

fn kind_of(letter: &str) -> Option<Kind> {
    Some(match letter {
        "o" => Kind::Offer,
        "a" => Kind::Answer,
        "c" => Kind::Candidate,
        _ => return None,
    })
}

fn odd(what: &str, body: &str) -> String {
    let mut sentence = format!("{what}: ");
    let start: String = body.chars().take(72).collect();
    let _ = write!(sentence, "{start:?}");
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp() -> impl Strategy<Value = Stamp> {
        let kind = prop_oneof![Just(Kind::Offer), Just(Kind::Answer), Just(Kind::Candidate)];
        (any::<u32>(), any::<u32>(), any::<u32>(), 0..1_u64 << 56, kind)
            .prop_map(|(from, to, n, due_us, kind)| Stamp { from, to, n, due_us, kind })
    }

    proptest! {
        #[test]
        fn a_body_comes_back_as_it_was(stamp in stamp(), size in 0_usize..5000) {
            let stamper = Stamper::new(5000);
            let mut body = String::new();
            stamper.write(stamp, size, &mut body);
            prop_assert_eq!(body.len(), size.max(LEAST));
            prop_assert_eq!(stamper.read(&body), Ok(stamp));
        }

        #[test]
        fn no_byte_can_be_altered(stamp in stamp(), size in LEAST..400, place in any::<prop::sample::Index>()) {
            let stamper = Stamper::new(400);
            let mut body = String::new();
            stamper.write(stamp, size, &mut body);
            let mut bytes = body.into_bytes();
            let place = place.index(bytes.len());
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            prop_assert!(stamper.read(std::str::from_utf8(&bytes).unwrap()).is_err());
        }

        #[test]
        fn nothing_can_be_cut_off_or_added(stamp in stamp(), size in LEAST..400, cut in 1_usize..100) {
            let stamper = Stamper::new(400);
            let mut body = String::new();
            stamper.write(stamp, size, &mut body);
            prop_assert!(stamper.read(&body[..body.len() - cut.min(body.len())]).is_err());
            body.push('x');
            prop_assert!(stamper.read(&body).is_err());
        }
    }

    #[test]
    fn a_body_is_the_inside_of_a_json_string() {
        let mut body = String::new();
        let stamp = Stamp { from: 1, to: 2, n: 3, due_us: 4, kind: Kind::Offer };
        Stamper::new(300).write(stamp, 300, &mut body);
        let text: String = serde_json::from_str(&format!("\"{body}\"")).unwrap();
        assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{body}\""));
    }
}
