//! The report as a page: one HTML file that needs nothing else, with its charts in it.
//!
//! `page/single.rs` tells of one run, `page/compared.rs` sets several side by side; `page/curves.rs` makes lines of reports.

mod compared;
mod curves;
mod single;

pub(crate) use self::{compared::comparison, single::page};

use super::{
    Report,
    figures::{count, some},
};

const STYLE: &str = include_str!("page.css");

/// The counts that say what was done; each of the others has to be zero.
const DONE: [&str; 7] = ["connected", "joined", "resumed", "calls", "sent", "received", "sent_bytes"];

/// How late the generator sent: a figure of its own, and none of the server's.
const LAG: &str = "lag";

/// Text as it stands in HTML, in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The whole file. Its policy lets it load nothing.
fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A part of the page; nothing where it holds nothing.
fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        String::new()
    } else {
        format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
    }
}

/// The verdict in words.
fn verdict(report: &Report) -> String {
    if report.passed {
        let counts = &report.counts;
        return match (counts.received, counts.connected) {
            (0, 0) => "Passed.".into(),
            (0, sockets) => format!("Passed: {}, nothing lost.", some(sockets, "socket", "sockets")),
            (messages, _) => format!("Passed: {}, each right.", some(messages, "message", "messages")),
        };
    }
    let wrongs = wrongs(report);
    if wrongs.is_empty() { "Failed.".into() } else { format!("Failed: {}.", wrongs.join("; ")) }
}

/// What was wrong, each in a few words.
fn wrongs(report: &Report) -> Vec<String> {
    let counts = report.counts.named().into_iter();
    let wrong = counts.filter(|(name, number)| !is_done(name) && *number > 0);
    let mut wrongs: Vec<String> =
        wrong.map(|(name, number)| format!("{} {}", count(number), words(name))).collect();
    let missed = report.verdicts.iter().filter(|verdict| !verdict.held).count() as u64;
    if missed > 0 {
        let all = report.verdicts.len() as u64;
        wrongs.push(format!("{} of {} missed", count(missed), some(all, "threshold", "thresholds")));
    }
    wrongs
}

fn is_done(count: &str) -> bool {
    DONE.contains(&count)
}

/// A name of the report's, to be read.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What the run is about, of all that was timed.
fn foremost(report: &Report) -> Option<&str> {
    Some(report.foremost.as_str()).filter(|name| report.latencies.contains_key(*name))
}

/// With a capital letter.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_verdict_is_in_words() {
        assert_eq!(verdict(&sample::relay()), "Passed: 300,000 messages, each right.");
        assert_eq!(verdict(&sample::failed()), "Failed: 12 lost; 3 misordered; 2 of 3 thresholds missed.");
        let mut report = sample::relay();
        report.passed = false;
        assert_eq!(verdict(&report), "Failed.");
        report.passed = true;
        report.counts = super::super::Counts { connected: 1, ..Default::default() };
        assert_eq!(verdict(&report), "Passed: 1 socket, nothing lost.");
    }

    #[test]
    fn each_scenario_is_about_something_else() {
        assert_eq!(foremost(&sample::relay()), Some("relay"));
        assert_eq!(foremost(&sample::idle()), Some("join"));
        let mut report = sample::relay();
        report.latencies.clear();
        assert_eq!(foremost(&report), None);
    }

    #[test]
    fn text_of_others_stays_text() {
        assert_eq!(escape(r#"<a href="x">'&'</a>"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        for html in [page(&sample::failed()), comparison(&[sample::relay(), sample::failed()])] {
            assert!(!html.contains("<script") && !html.contains("<b>"));
            assert!(html.contains("socket.io &lt;b&gt;&amp; redis&lt;/b&gt;"));
        }
        assert!(page(&sample::failed()).contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn a_page_needs_nothing_else() {
        for html in
            [page(&sample::relay()), page(&sample::idle()), comparison(&[sample::relay(), sample::failed()])]
        {
            for outside in ["src=", "href=", "url(", "@import", "http://", "https://"] {
                assert!(!html.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn elements_are_closed() {
        for html in [page(&sample::relay()), page(&sample::failed()), page(&sample::idle())] {
            for element in ["section", "figure", "svg", "table", "details", "dl", "ul", "main", "text", "tr"]
            {
                let opened = html.matches(&format!("<{element}>")).count()
                    + html.matches(&format!("<{element} ")).count();
                assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}");
            }
        }
    }
}
