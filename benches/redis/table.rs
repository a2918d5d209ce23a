//! Figures, and tables of them for docs/performance.md.

/// Prints a row, or a title, or a line.
#[allow(clippy::print_stdout, reason = "a benchmark's output is its result")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints a Markdown table's first two lines; all columns but `names` on the left are numbers.
pub(crate) fn head(names: usize, columns: &[&str]) {
    let rules = (0..columns.len()).map(|column| if column < names { "---" } else { "---:" });
    row(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    say(&format!("| {} |", rules.collect::<Vec<_>>().join(" | ")));
}

pub(crate) fn row(cells: &[String]) {
    say(&format!("| {} |", cells.join(" | ")));
}

/// Three digits, as more would be noise.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&mut values.into_iter().collect::<Vec<_>>(), 50)
}

/// The median, and the range in parentheses.
pub(crate) fn spread(values: &[f64]) -> String {
    let (least, most) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
    format!("{} ({}–{})", number(median(values.iter().copied())), number(least), number(most))
}

/// The value that so many per cent of all are not above.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1).expect("some values");
    values[last * percent / 100]
}
