use super::*;
use proptest::{collection::vec, prelude::*};
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame, FrameHeader,
    coding::{Control, Data, OpCode},
};

const LIMIT: usize = 70_000;

/// A message, and in how many frames it comes.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
}

impl Said {
    /// What a message says; part of one says nothing.
    fn from(message: &Message<'_>) -> Option<Self> {
        Some(match message {
            Message::Text(text) => Self::Text((*text).to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong => Self::Pong,
            Message::Fragment => return None,
            Message::Close(_) => panic!("nobody closes"),
        })
    }

    /// Its frames, as another library writes them; `cuts` say where a message is broken into several.
    fn frames(&self, cuts: &[usize], mask: [u8; 4]) -> Vec<Vec<u8>> {
        let (opcode, payload) = match self {
            Self::Text(text) => (OpCode::Data(Data::Text), text.as_bytes()),
            Self::Binary(bytes) => (OpCode::Data(Data::Binary), bytes.as_slice()),
            Self::Ping(bytes) => return vec![frame(OpCode::Control(Control::Ping), bytes, true, mask)],
            Self::Pong => return vec![frame(OpCode::Control(Control::Pong), b"", true, mask)],
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([payload.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let pieces: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &payload[start..end]).collect();
        let last = pieces.len() - 1;
        let opcode = |i| if i == 0 { opcode } else { OpCode::Data(Data::Continue) };
        pieces.iter().enumerate().map(|(i, piece)| frame(opcode(i), piece, i == last, mask)).collect()
    }
}

fn frame(opcode: OpCode, payload: &[u8], last: bool, mask: [u8; 4]) -> Vec<u8> {
    let header = FrameHeader { is_final: last, opcode, mask: Some(mask), ..FrameHeader::default() };
    let mut bytes = Vec::new();
    Frame::from_payload(header, payload.to_vec().into()).format(&mut bytes).expect("a Vec");
    bytes
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => "\\PC{0,300}".prop_map(Said::Text),
        1 => vec(any::<u8>(), 0..200).prop_map(Said::Binary),
        1 => vec(any::<u8>(), 65_530..65_540).prop_map(Said::Binary),
        1 => vec(any::<u8>(), 0..=125).prop_map(Said::Ping),
        1 => Just(Said::Pong),
    ]
}

/// Reads everything that `chunks` bring, and gives the memory back after each as a socket does.
fn read(chunks: &[&[u8]]) -> Result<Vec<Said>, CloseCode> {
    let mut reader = Reader::new(LIMIT);
    let mut heard = Vec::new();
    for chunk in chunks {
        reader.take(chunk);
        while let Some(message) = reader.next()? {
            heard.extend(Said::from(&message));
        }
        reader.rest();
    }
    assert_eq!(reader.kept(), 0, "nothing is kept");
    Ok(heard)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_another_library_writes_is_read_however_it_comes(
        messages in vec((said(), vec(any::<usize>(), 0..4), any::<[u8; 4]>()), 1..8),
        sizes in vec(1_usize..40_000, 1..20),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|(said, cuts, mask)| said.frames(cuts, *mask).concat()).collect();
        let mut rest = bytes.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, others) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = others;
        }
        let expected: Vec<Said> = messages.into_iter().map(|(said, ..)| said).collect();
        prop_assert_eq!(read(&chunks), Ok(expected));
    }

    #[test]
    fn no_bytes_at_all_break_it(bytes in vec(any::<u8>(), 0..300)) {
        let mut reader = Reader::new(LIMIT);
        reader.take(&bytes);
        while let Ok(Some(_)) = reader.next() {}
    }
}

#[test]
fn a_ping_comes_between_the_frames_of_a_message() {
    let message = Said::Text("hello".to_owned()).frames(&[2], [1, 2, 3, 4]);
    let ping = Said::Ping(b"there?".to_vec()).frames(&[], [0; 4]);
    let bytes = [&message[0], &ping[0], &message[1]].map(Vec::as_slice).concat();
    assert_eq!(read(&[&bytes]), Ok(vec![Said::Ping(b"there?".to_vec()), Said::Text("hello".to_owned())]));
}

#[test]
fn each_frame_of_a_message_counts() {
    let frames = Said::Text("hello".to_owned()).frames(&[0, 0, 2, 5], [1, 2, 3, 4]);
    let mut reader = Reader::new(LIMIT);
    reader.take(&frames.concat());
    for _ in 0..4 {
        assert_eq!(reader.next(), Ok(Some(Message::Fragment)));
    }
    assert_eq!(reader.next(), Ok(Some(Message::Text("hello"))));
    assert_eq!(reader.next(), Ok(None));
}

#[test]
fn byte_by_byte_is_the_same() {
    let bytes = Said::Text("grüezi".repeat(30)).frames(&[50], [9, 8, 7, 6]).concat();
    let chunks: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&chunks), Ok(vec![Said::Text("grüezi".repeat(30))]));
}

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    for cuts in [&[][..], &[LIMIT / 2]] {
        let fits = Said::Binary(vec![7; LIMIT]);
        assert_eq!(read(&[&fits.frames(cuts, [5; 4]).concat()]), Ok(vec![fits]));
        let large = Said::Binary(vec![7; LIMIT + 1]).frames(cuts, [5; 4]).concat();
        assert_eq!(read(&[&large]), Err(CloseCode::TooBig));
    }
}

#[test]
fn it_is_refused_before_it_has_come() {
    // 2⁶³ bytes are announced, and nothing more is sent.
    let header = [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(read(&[&header]), Err(CloseCode::TooBig));
}

#[test]
fn who_breaks_the_rules_is_told_which() {
    let mask = [0; 4];
    let data = |data, payload: &[u8], last| frame(OpCode::Data(data), payload, last, mask);
    let control = |control, payload: &[u8], last| frame(OpCode::Control(control), payload, last, mask);
    let close =
        |code: u16, reason: &[u8]| control(Control::Close, &[&code.to_be_bytes(), reason].concat(), true);
    let breaches = [
        ("no mask", vec![0x81, 0x00], CloseCode::ProtocolError),
        ("a reserved bit", vec![0xC1, 0x80, 0, 0, 0, 0], CloseCode::ProtocolError),
        ("a reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], CloseCode::ProtocolError),
        ("a reserved control opcode", vec![0x8B, 0x80, 0, 0, 0, 0], CloseCode::ProtocolError),
        ("a control frame in pieces", control(Control::Ping, b"", false), CloseCode::ProtocolError),
        ("a large control frame", control(Control::Ping, &[0; 126], true), CloseCode::ProtocolError),
        ("a continuation of nothing", data(Data::Continue, b"", true), CloseCode::ProtocolError),
        (
            "a message in another",
            [data(Data::Text, b"", false), data(Data::Text, b"", true)].concat(),
            CloseCode::ProtocolError,
        ),
        ("bytes that aren't UTF-8", data(Data::Text, &[0xFF], true), CloseCode::BadUtf8),
        ("half a close code", control(Control::Close, &[3], true), CloseCode::ProtocolError),
        ("a close code nobody may send", close(1005, b""), CloseCode::ProtocolError),
        ("a close code that isn't one", close(999, b""), CloseCode::ProtocolError),
        ("a reason that isn't UTF-8", close(1000, &[0xFF]), CloseCode::BadUtf8),
    ];
    for (what, bytes, code) in breaches {
        let mut reader = Reader::new(LIMIT);
        reader.take(&bytes);
        let end = loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{what} passed"),
                Err(code) => break code,
            }
        };
        assert_eq!(end, code, "{what}");
    }
}

#[test]
fn a_character_may_be_cut_in_two() {
    let frames = Said::Text("é".to_owned()).frames(&[1], [1, 1, 1, 1]);
    assert_eq!(frames.len(), 2);
    assert_eq!(read(&[&frames[0], &frames[1]]), Ok(vec![Said::Text("é".to_owned())]));
}

#[test]
fn a_close_frame_tells_its_code() {
    for (payload, code) in [(&[][..], None), (&[0x03, 0xE9, b'b'], Some(1001)), (&[0x0F, 0xA0], Some(4000))] {
        let mut reader = Reader::new(LIMIT);
        reader.take(&frame(OpCode::Control(Control::Close), payload, true, [4, 3, 2, 1]));
        assert_eq!(reader.next(), Ok(Some(Message::Close(code))));
    }
}
