//! Where a message stands in a trace, after W3C's [Trace Context].
//!
//! [Trace Context]: https://www.w3.org/TR/trace-context/

use std::fmt;

/// Names a span, and the trace that it is in: what a sampled message carries from node to node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

/// The trace of a message that was sampled. Most messages have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What travels with the message: the span that hands it to the exchange.
    pub context: TraceContext,
    /// The span which that one is a part of. Only the sender's node knows it.
    pub parent: Option<u64>,
    /// When the span under way began on this node, in nanoseconds since 1970; 0 until one has.
    pub since: u64,
}

impl TraceContext {
    /// The length of its text, in bytes.
    pub const LEN: usize = 55;

    const SAMPLED: u8 = 1;

    /// Names a span that is recorded. Neither number is 0.
    pub fn sampled(trace: u128, span: u64) -> Self {
        Self { trace, span, flags: Self::SAMPLED }
    }

    /// Reads the text of a `traceparent`, if it is of the version that this writes. So what was read is written as it was.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let is_plain = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            is_plain.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let [version, trace, span, flags] = [number(2)?, number(32)?, number(16)?, number(2)?];
        let (span, flags) = (u64::try_from(span).ok()?, u8::try_from(flags).ok()?);
        let is_right = version == 0 && trace != 0 && span != 0 && parts.next().is_none();
        is_right.then_some(Self { trace, span, flags })
    }

    /// The trace.
    pub fn trace(&self) -> u128 {
        self.trace
    }

    /// The span.
    pub fn span(&self) -> u64 {
        self.span
    }

    /// Whether the span is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_reads_back_as_it_was_written() {
        let context = TraceContext::sampled(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7);
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(TEXT.len(), TraceContext::LEN);
        assert_eq!(TraceContext::parse(TEXT), Some(context));
        for (trace, span) in [(1, 1), (u128::MAX, u64::MAX)] {
            let context = TraceContext::sampled(trace, span);
            assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }
    }

    #[test]
    fn flags_are_kept_and_one_is_known() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let text = format!("{}{flags}", &TEXT[..TraceContext::LEN - 2]);
            let context = TraceContext::parse(&text).expect("a context");
            assert_eq!((context.is_sampled(), context.to_string()), (is_sampled, text));
        }
    }

    #[test]
    fn what_would_not_be_written_so_is_not_read() {
        for text in [
            "",
            "00",
            &TEXT[1..],
            &format!("{TEXT}-"),
            &format!("{TEXT}-00"),
            &TEXT.replace("00-4", "01-4"),
            &TEXT.replace("00-4", "ff-4"),
            &TEXT.replace("bf9", "BF9"),
            &TEXT.replace("4bf9", "+bf9"),
            &TEXT.replace("4bf9", "4bg9"),
            &TEXT.replace("4bf9", "é9f"),
            &TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &TEXT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &TEXT.replace("4736-00f0", "473-600f0"),
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
