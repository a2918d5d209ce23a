//! Lines of reports: what a chart is drawn from.

use super::super::{
    Latency, Moment, Report,
    chart::{Axis, Chart, Fold, Line, Scale},
    figures::{as_f64, digits, time},
    histogram::Times,
};

/// The curve of a latency: for each share the time within which that many were done. The axis counts nines, so that the
/// slowest of ten thousand has as much room as the slowest of ten.
pub(super) fn by_percentile<'a>(title: &'a str, latencies: &[(String, &Latency)]) -> Chart<'a> {
    let lines: Vec<Line> =
        latencies.iter().map(|(name, latency)| Line::new(name, curve(latency), Fold::Most)).collect();
    let figures = lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y)).collect::<Vec<_>>();
    let last = lines.iter().filter_map(|line| line.points.last()).map(|(x, _)| *x).fold(1.0, f64::max);
    let marks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99].map(|percent| (nines(percent / 100.0), percent));
    let marks = marks.into_iter().filter(|(place, _)| *place <= last + 1e-9);
    let x = Axis {
        name: "percentile",
        scale: Scale::linear(0.0, last),
        marks: marks.map(|(place, _)| (place, percent(place))).collect(),
        tell: percent,
    };
    let description = latencies.iter().map(|(name, latency)| {
        format!(
            "{name}: half within {}, 99 % within {}, all within {}",
            us(latency.p50_us),
            us(latency.p99_us),
            us(latency.max_us)
        )
    });
    Chart {
        title,
        description: description.collect::<Vec<_>>().join("; "),
        x,
        y: Axis::log("time", figures.into_iter(), time),
        lines,
    }
}

/// A line over the run's time.
pub(super) fn over_time(
    report: &Report,
    name: impl Into<String>,
    fold: Fold,
    of: impl Fn(&Moment) -> Option<f64>,
) -> Line {
    let points = report.timeline.iter().filter_map(|moment| Some((moment.at_s, of(moment)?)));
    Line::new(name, points.collect(), fold)
}

/// A chart over time: from the first second of all the lines to the last.
pub(super) fn timed(title: &str, lines: Vec<Line>, y: impl FnOnce(&[Line]) -> Axis) -> Chart<'_> {
    let places = || lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
    let x = Axis::of_time(places().fold(0.0, f64::min), places().fold(1.0, f64::max), at);
    let y = y(&lines);
    let description = lines.iter().map(|line| {
        let most = line.points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        format!("{}: at most {}", line.name, (y.tell)(most))
    });
    Chart { title, description: description.collect::<Vec<_>>().join("; "), x, y, lines }
}

pub(super) fn most(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y)).fold(0.0, f64::max)
}

pub(super) fn log_time(lines: &[Line]) -> Axis {
    Axis::log("time", lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y)), time)
}

pub(super) fn us(microseconds: u64) -> String {
    time(as_f64(microseconds))
}

/// A moment of the run.
fn at(seconds: f64) -> String {
    let told = |number: f64, unit: &str| format!("{} {unit}", digits(number));
    match seconds.abs() {
        size if size >= 7200.0 && size % 1800.0 == 0.0 => told(seconds / 3600.0, "h"),
        size if size >= 120.0 && size % 60.0 == 0.0 => told(seconds / 60.0, "min"),
        _ => told(seconds, "s"),
    }
}

/// Tenths of what each nine leaves: 0, 10, … 90, 91, … 99, 99.1 %, 99.99 %, as far as there are as many.
fn curve(latency: &Latency) -> Vec<(f64, f64)> {
    let Ok(times) = Times::decode(&latency.histogram) else { return Vec::new() };
    // 1, 0.9, … 0.2, 0.1, 0.09, …: a tenth of one nine is the whole of the next.
    let tenths = |nine: i32| (2..=10).rev().map(move |tenths| f64::from(tenths) * 10_f64.powi(-nine - 1));
    let rests = (0..4).flat_map(tenths).chain([1e-4]);
    let told = rests.filter(|rest| rest * as_f64(times.count()) >= 1.0);
    told.filter_map(|rest| Some((-rest.log10(), as_f64(times.quantile(1.0 - rest)?).max(1.0)))).collect()
}

/// How many nines a share has, counted in full and in part: 0.99 has two.
fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn percent(nines: f64) -> String {
    let percent = 100.0 - 100.0 * 10_f64.powf(-nines);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few places")]
    let places = (nines - 1.0 - 1e-9).ceil().max(0.0) as usize;
    let text = format!("{percent:.places$}");
    if text == "0" {
        return text;
    }
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}\u{202f}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nines_are_told_as_percentiles() {
        let told =
            [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999].map(|share| percent(nines(share)).replace('\u{202f}', " "));
        assert_eq!(told, ["0", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }

    #[test]
    fn a_curve_goes_as_far_as_there_are_as_many() {
        let mut times = Times::new();
        (1..=1000).for_each(|time| times.record(time));
        let points = curve(&times.latency().unwrap());
        let (last, slowest) = *points.last().unwrap();
        assert!((last - 2.7).abs() < 0.31, "{last}");
        assert!((997.0..=1000.0).contains(&slowest), "{slowest}");
        assert!(points.iter().any(|(x, y)| (x - nines(0.5)).abs() < 1e-9 && (y - 500.0).abs() < 1.0));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }

    #[test]
    fn moments_have_their_units() {
        let told = [-2.0, 10.0, 120.0, 7200.0, 90.0].map(at);
        assert_eq!(told, ["−2 s", "10 s", "2 min", "2 h", "90 s"]);
    }
}
