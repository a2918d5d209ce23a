//! Charts, as SVG that stands in the page: lines and bars, a legend, and a table of the same figures behind each.

use super::page::escape;
use std::fmt::Write;

/// The drawing's own units; the page scales it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 36.0;

/// Points of a line at most: a long run has more seconds than a screen has columns.
const MOST_POINTS: usize = 240;

/// Lines of up to so many points tell each point's figure when pointed at.
const MOST_TOLD: usize = 130;

/// There are so many colours.
const COLOURS: usize = 6;

/// What lines are drawn in.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What there is to see, for who can't.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// What a point says that stands for several.
#[derive(Clone, Copy)]
pub(super) enum Fold {
    Mean,
    Most,
}

/// One direction: from where to where, and how figures are told there.
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) scale: Scale,
    /// The places of the marks, and what they say.
    pub(super) marks: Vec<(f64, String)>,
    pub(super) tell: fn(f64) -> String,
}

#[derive(Clone, Copy)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    is_log: bool,
}

impl Scale {
    pub(super) fn linear(from: f64, to: f64) -> Self {
        Self { from, to: if to > from { to } else { from + 1.0 }, is_log: false }
    }

    /// 0 to 1 between the ends.
    fn place(self, value: f64) -> f64 {
        let place = if self.is_log {
            (value.max(self.from).ln() - self.from.ln()) / (self.to.ln() - self.from.ln())
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }
}

impl Axis {
    /// From zero to above the largest, at round figures.
    pub(super) fn from_zero(name: &'static str, most: f64, tell: fn(f64) -> String) -> Self {
        let step = round_step(most.max(f64::MIN_POSITIVE) / 4.0);
        // Not along the upper edge.
        let steps = (most / step + 0.05).ceil().max(1.0);
        let marks = multiples(step, steps).map(|value| (value, tell(value))).collect();
        Self { name, scale: Scale::linear(0.0, step * steps), marks, tell }
    }

    /// Of the times of a run; the marks are seconds, minutes or hours.
    pub(super) fn of_time(from_s: f64, to_s: f64, tell: fn(f64) -> String) -> Self {
        const STEPS: [f64; 15] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0,
            43_200.0,
        ];
        let step = STEPS.into_iter().find(|step| to_s / step <= 6.0).unwrap_or(86_400.0);
        let marks = multiples(step, (to_s / step).floor().max(0.0)).map(|at| (at, tell(at))).collect();
        Self { name: "time", scale: Scale::linear(from_s.min(0.0), to_s), marks, tell }
    }

    /// Logarithmic, over all of the figures.
    pub(super) fn log(
        name: &'static str,
        figures: impl Iterator<Item = f64>,
        tell: fn(f64) -> String,
    ) -> Self {
        let (least, most) = figures
            .filter(|figure| *figure > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(least, most), figure| (least.min(figure), most.max(figure)));
        let (least, most) = if most > 0.0 { (least, most) } else { (1.0, 10.0) };
        let steps = log_steps();
        let from = steps.iter().rev().find(|step| **step <= least).copied().unwrap_or(least);
        let to = steps.iter().find(|step| **step >= most && **step > from).copied().unwrap_or(most * 2.0);
        let inside = steps.iter().filter(|step| (from..=to).contains(*step));
        let is_wide = to / from > 200.0;
        let marks = inside
            .filter(|step| !is_wide || is_power_of_ten(**step))
            .map(|step| (*step, tell(*step)))
            .collect();
        Self { name, scale: Scale { from, to, is_log: true }, marks, tell }
    }
}

impl Line {
    pub(super) fn new(name: impl Into<String>, points: Vec<(f64, f64)>, fold: Fold) -> Self {
        Self { name: name.into(), points: thinned(points, fold) }
    }
}

impl Chart<'_> {
    /// The figure: heading, legend, drawing, table. Nothing, where there is no line to draw.
    pub(super) fn draw(&self) -> String {
        if self.lines.iter().all(|line| line.points.len() < 2) {
            return String::new();
        }
        let mut drawing = String::new();
        self.grid(&mut drawing);
        for (number, line) in self.lines.iter().enumerate() {
            self.line(number, line, &mut drawing);
        }
        let (legend, table) = (self.legend(), self.table());
        figure(self.title, &self.description, HEIGHT, &legend, &drawing, &table)
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let x = LEFT + self.x.scale.place(x) * (WIDTH - LEFT - RIGHT);
        (x, HEIGHT - BOTTOM - self.y.scale.place(y) * (HEIGHT - TOP - BOTTOM))
    }

    fn grid(&self, out: &mut String) {
        let bottom = HEIGHT - BOTTOM;
        if self.x.scale.from < 0.0 {
            let (end, _) = self.at((0.0, 0.0));
            let _ = write!(
                out,
                r#"<rect class="before" x="{LEFT}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
                end - LEFT,
                bottom - TOP
            );
        }
        for (value, text) in &self.y.marks {
            let (_, y) = self.at((0.0, *value));
            let _ = write!(
                out,
                r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/><text class="y" x="{}" y="{:.1}">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                escape(text)
            );
        }
        for (value, text) in &self.x.marks {
            let (x, _) = self.at((*value, 0.0));
            let anchor = if x > WIDTH - RIGHT - 8.0 { " end" } else { "" };
            let _ = write!(
                out,
                r#"<line class="tick" x1="{x:.1}" x2="{x:.1}" y1="{bottom}" y2="{}"/><text class="x{anchor}" x="{x:.1}" y="{}">{}</text>"#,
                bottom + 5.0,
                bottom + 21.0,
                escape(text)
            );
        }
        let _ = write!(
            out,
            r#"<line class="axis" x1="{LEFT}" x2="{}" y1="{bottom}" y2="{bottom}"/>"#,
            WIDTH - RIGHT
        );
    }

    fn line(&self, number: usize, line: &Line, out: &mut String) {
        let colour = number % COLOURS;
        let places: Vec<_> = line.points.iter().map(|point| self.at(*point)).collect();
        let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(out, r#"<polyline class="line c{colour}" points="{}"/>"#, path.join(" "));
        if places.len() > MOST_TOLD {
            return;
        }
        for ((x, y), point) in places.iter().zip(&line.points) {
            let told = format!("{}, {}: {}", line.name, (self.x.tell)(point.0), (self.y.tell)(point.1));
            let _ = write!(
                out,
                r#"<circle class="point c{colour}" cx="{x:.1}" cy="{y:.1}" r="7"><title>{}</title></circle>"#,
                escape(&told)
            );
        }
    }

    fn legend(&self) -> String {
        let names: Vec<_> = self.lines.iter().map(|line| line.name.as_str()).collect();
        legend(&names)
    }

    fn table(&self) -> String {
        let mut places: Vec<f64> =
            self.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let head: Vec<_> =
            [self.x.name].into_iter().chain(self.lines.iter().map(|line| line.name.as_str())).collect();
        let rows = places.iter().map(|x| {
            let figures = self.lines.iter().map(|line| {
                let found = line.points.iter().find(|(at, _)| at.total_cmp(x).is_eq());
                found.map_or_else(String::new, |(_, y)| (self.y.tell)(*y))
            });
            [(self.x.tell)(*x)].into_iter().chain(figures).collect()
        });
        table(&head, rows)
    }
}

/// Bars: a row each, and in it one of each kind.
pub(super) struct Bars<'a> {
    pub(super) title: &'a str,
    pub(super) description: String,
    /// What the bars of a row are of.
    pub(super) kinds: Vec<String>,
    pub(super) rows: Vec<(String, Vec<Option<f64>>)>,
    pub(super) tell: fn(f64) -> String,
}

impl Bars<'_> {
    pub(super) fn draw(&self) -> String {
        const BAR: f64 = 18.0;
        const NAME: f64 = 24.0;
        const GAP: f64 = 12.0;
        let most = self
            .rows
            .iter()
            .flat_map(|(_, bars)| bars.iter().flatten())
            .fold(0.0_f64, |most, bar| most.max(*bar));
        if most <= 0.0 {
            return String::new();
        }
        // The figure stands behind the longest bar, too.
        let full = WIDTH - 110.0;
        let (mut out, mut y) = (String::new(), 0.0);
        for (name, bars) in &self.rows {
            let _ = write!(out, r#"<text class="name" x="0" y="{:.1}">{}</text>"#, y + 16.0, escape(name));
            y += NAME;
            for (kind, bar) in bars.iter().enumerate() {
                let Some(bar) = bar else { continue };
                let width = (bar / most * full).max(1.0);
                let told = escape(&(self.tell)(*bar));
                let title = escape(&format!("{name}, {}: ", self.kinds.get(kind).map_or("", String::as_str)));
                let _ = write!(
                    out,
                    r#"<rect class="bar c{}" x="0" y="{y:.1}" width="{width:.1}" height="{:.1}" rx="3"><title>{title}{told}</title></rect><text class="figure" x="{:.1}" y="{:.1}">{told}</text>"#,
                    kind % COLOURS,
                    BAR - 3.0,
                    width + 8.0,
                    y + 12.5
                );
                y += BAR;
            }
            y += GAP;
        }
        let kinds: Vec<_> = self.kinds.iter().map(String::as_str).collect();
        let legend = if kinds.len() > 1 { legend(&kinds) } else { String::new() };
        let head: Vec<_> = [""].into_iter().chain(kinds).collect();
        let rows = self.rows.iter().map(|(name, bars)| {
            let bars = bars.iter().map(|bar| bar.map_or_else(String::new, self.tell));
            [name.clone()].into_iter().chain(bars).collect()
        });
        figure(self.title, &self.description, y, &legend, &out, &table(&head, rows))
    }
}

fn figure(title: &str, description: &str, height: f64, legend: &str, drawing: &str, table: &str) -> String {
    let (title, description) = (escape(title), escape(description));
    format!(
        r#"<figure><figcaption>{title}</figcaption>{legend}<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}. {description}"><title>{title}</title><desc>{description}</desc>{drawing}</svg><details><summary>Table</summary><div class="wide">{table}</div></details></figure>"#
    )
}

fn legend(names: &[&str]) -> String {
    let entry = |(number, name): (usize, &&str)| {
        format!(r#"<li class="c{}">{}</li>"#, number % COLOURS, escape(name))
    };
    let entries: String = names.iter().enumerate().map(entry).collect();
    format!(r#"<ul class="legend">{entries}</ul>"#)
}

/// A table: its head, and rows whose first cell names them.
pub(super) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = String::from("<table><thead><tr>");
    for name in head {
        let _ = write!(out, r#"<th scope="col">{}</th>"#, escape(name));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            let _ = match column {
                0 => write!(out, r#"<th scope="row">{cell}</th>"#),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>");
    }
    out + "</tbody></table>"
}

/// 1, 2 or 5 times a power of ten, not less than this.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= least * 0.999)
        .unwrap_or(power * 10.0)
}

/// 1, 2, 5, 10, 20, … up to beyond an hour in microseconds.
fn log_steps() -> Vec<f64> {
    (-3..11).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power))).collect()
}

fn is_power_of_ten(number: f64) -> bool {
    (number.log10() - number.log10().round()).abs() < 1e-9
}

/// Zero to so many steps.
fn multiples(step: f64, steps: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.0), |number| Some(number + 1.0))
        .take_while(move |number| *number <= steps)
        .map(move |number| number * step)
}

fn thinned(points: Vec<(f64, f64)>, fold: Fold) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    let each = points.len().div_ceil(MOST_POINTS);
    let one = |points: &[(f64, f64)]| {
        let figures = points.iter().map(|(_, y)| *y);
        let y = match fold {
            Fold::Most => figures.fold(f64::MIN, f64::max),
            Fold::Mean => figures.sum::<f64>() / super::figures::as_f64(points.len() as u64),
        };
        (points[0].0, y)
    };
    points.chunks(each).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(figure: f64) -> String {
        format!("{figure}")
    }

    fn marks(axis: &Axis) -> Vec<f64> {
        axis.marks.iter().map(|(value, _)| *value).collect()
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(marks(&Axis::from_zero("", 100.0, tell)), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(marks(&Axis::from_zero("", 7.3, tell)), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(marks(&Axis::from_zero("", 0.0, tell)).len(), 2);
        assert_eq!(marks(&Axis::log("", [180.0, 900.0].into_iter(), tell)), [100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(marks(&Axis::log("", [90.0, 400_000.0].into_iter(), tell)), [100.0, 1e3, 1e4, 1e5]);
        assert_eq!(marks(&Axis::of_time(-2.0, 59.0, tell)), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
    }

    #[test]
    fn figures_lie_between_the_ends() {
        let log = Axis::log("", [1.0, 100.0].into_iter(), tell).scale;
        assert!((log.place(10.0) - 0.5).abs() < 1e-9);
        assert!(log.place(0.0).abs() < 1e-9);
        assert!((Scale::linear(0.0, 4.0).place(1.0) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn long_lines_are_thinned_and_keep_their_peaks() {
        let points: Vec<_> =
            (0..3600).map(|second| (f64::from(second), f64::from(u8::from(second == 77)))).collect();
        let line = Line::new("p99", points, Fold::Most);
        assert!(line.points.len() <= MOST_POINTS);
        assert_eq!(line.points.iter().filter(|(_, y)| *y > 0.5).count(), 1);
    }

    #[test]
    fn a_chart_says_what_it_shows_and_escapes_it() {
        let chart = Chart {
            title: "A & B",
            description: "<what>".into(),
            x: Axis::of_time(0.0, 2.0, tell),
            y: Axis::from_zero("", 3.0, tell),
            lines: vec![Line::new("<i>", vec![(0.0, 1.0), (1.0, 3.0)], Fold::Mean)],
        };
        let html = chart.draw();
        assert!(html.contains("<title>A &amp; B</title><desc>&lt;what&gt;</desc>"));
        assert!(html.contains("<td>3</td>") && html.contains("&lt;i&gt;") && !html.contains("<i>"));
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        let (x, y) = (Axis::of_time(0.0, 2.0, tell), Axis::from_zero("", 3.0, tell));
        let chart = Chart {
            title: "",
            description: String::new(),
            x,
            y,
            lines: vec![Line::new("", vec![], Fold::Mean)],
        };
        assert_eq!(chart.draw(), "");
        let bars = Bars { title: "", description: String::new(), kinds: vec![], rows: vec![], tell };
        assert_eq!(bars.draw(), "");
    }
}
