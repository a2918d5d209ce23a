//! Figures as people read them: three digits that count, a unit, and commas between thousands.

/// Keeps a number and its unit on one line.
const THIN: char = '\u{202f}';

/// A whole number: `300,000`.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Three digits that count, more before the point: `0.0123`, `1.23`, `12.3`, `1,234`.
pub(crate) fn digits(number: f64) -> String {
    if !number.is_finite() {
        return "–".into();
    }
    let size = number.abs();
    let places = match size {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.0995 => 3,
        _ => 4,
    };
    let text = format!("{number:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    grouped(text)
}

/// Microseconds in the unit that suits them.
pub(crate) fn time(microseconds: f64) -> String {
    match microseconds {
        time if time < 999.5 => with_unit(time, "µs"),
        time if time < 999_500.0 => with_unit(time / 1e3, "ms"),
        time => with_unit(time / 1e6, "s"),
    }
}

/// KiB in the unit that suits them.
pub(crate) fn memory(kib: f64) -> String {
    match kib {
        kib if kib < 1023.5 => with_unit(kib, "KiB"),
        kib if kib < 1023.5 * 1024.0 => with_unit(kib / 1024.0, "MiB"),
        kib => with_unit(kib / 1024.0 / 1024.0, "GiB"),
    }
}

pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1000 { with_unit(as_f64(bytes), "B") } else { memory(as_f64(bytes) / 1024.0) }
}

/// Seconds of a run.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        time if time < 120.0 => with_unit(time, "s"),
        time if time < 7200.0 => with_unit(time / 60.0, "min"),
        time => with_unit(time / 3600.0, "h"),
    }
}

pub(crate) fn with_unit(number: f64, unit: &str) -> String {
    format!("{}{THIN}{unit}", digits(number))
}

/// With plain spaces, for a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(THIN, " ")
}

/// One thing, or so many.
pub(crate) fn some(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

#[expect(clippy::cast_precision_loss, reason = "counts and times stay far below 2^52")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}

fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let (whole, part) = text.split_once('.').map_or((text, ""), |(whole, _)| (whole, &text[whole.len()..]));
    let mut grouped = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let told = [0, 12, 999, 1000, 300_000, 12_345_678].map(|number| plain(&count(number)));
        assert_eq!(told, ["0", "12", "999", "1,000", "300,000", "12,345,678"]);
    }

    #[test]
    fn three_digits_count() {
        let told = [0.0, 0.01234, 0.1236, 1.236, 12.36, 123.6, 1236.4, -3.5, 2.0]
            .map(|number| plain(&digits(number)));
        assert_eq!(told, ["0", "0.0123", "0.124", "1.24", "12.4", "124", "1,236", "−3.5", "2"]);
    }

    #[test]
    fn units_suit() {
        let times = [80.0, 999.4, 999.9, 1_400.0, 31_000.0, 2_000_000.0].map(|time| plain(&self::time(time)));
        assert_eq!(times, ["80 µs", "999 µs", "1 ms", "1.4 ms", "31 ms", "2 s"]);
        let sizes = [4.29, 2048.0, 3_145_728.0].map(|kib| plain(&memory(kib)));
        assert_eq!(sizes, ["4.29 KiB", "2 MiB", "3 GiB"]);
        assert_eq!([10.0, 600.0, 86_400.0].map(|time| plain(&seconds(time))), ["10 s", "10 min", "24 h"]);
        assert_eq!([300, 2048].map(|size| plain(&bytes(size))), ["300 B", "2 KiB"]);
        assert_eq!([1, 2].map(|number| some(number, "socket", "sockets")), ["1 socket", "2 sockets"]);
    }
}
