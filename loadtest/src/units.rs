//! Times and rates as people write them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// A time, such as `10s` or `250ms`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|error| format!("{error}; a time is written as 10s or 250ms"))
    }
}

/// Reads a time that has to be longer than none.
pub(crate) fn some_time(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    if span.0.is_zero() { Err("it takes more than no time".into()) } else { Ok(span) }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// How often a second, such as `5000/s` or `30/min`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit.trim() {
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            unit => return Err(format!("{unit:?} is no unit of a rate; one is written as 5000/s or 30/min")),
        };
        match number.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Ok(Self(number / seconds)),
            _ => Err(format!("{number:?} is no number above 0; a rate is written as 5000/s or 30/min")),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1.0 { write!(f, "{}/min", self.0 * 60.0) } else { write!(f, "{}/s", self.0) }
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        assert_eq!("5000/s".parse(), Ok(Rate(5000.0)));
        assert_eq!("5000".parse(), Ok(Rate(5000.0)));
        assert_eq!("30/min".parse(), Ok(Rate(0.5)));
        assert_eq!(Rate(0.5).to_string(), "30/min");
        for wrong in ["", "0/s", "-1/s", "5/fortnight", "many"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?} was read");
        }
    }
}
