//! Bar charts over time, drawn by the server as SVG: bars that stack, a scale, a tooltip for each stretch of time, and
//! the same numbers as a table.
//!
//! The drawing is stretched to the width it is given; its words stand beside it as HTML, so that they keep their size.
//! Times are UTC until the page's script says them in the reader's own time zone.

use std::{fmt::Write, time::Duration};

use posthouse_model::Timestamp;

use crate::show;

/// Width of one stretch of time in the drawing.
const STRIDE: usize = 10;
/// Height of the drawing.
const HEIGHT: f64 = 100.0;
/// Labels below the drawing.
const LABELS: usize = 5;

/// One kind of bars.
pub(crate) struct Line {
    /// What is counted, for the legend.
    pub(crate) name: &'static str,
    /// Class of the colour: `s1` to `s4`.
    pub(crate) class: &'static str,
    /// A number for each stretch of time.
    pub(crate) values: Vec<u64>,
}

impl Line {
    /// Bars of a colour.
    pub(crate) const fn new(name: &'static str, class: &'static str, values: Vec<u64>) -> Self {
        Self {
            name,
            class,
            values,
        }
    }

    /// The sum of all bars.
    pub(crate) fn total(&self) -> u64 {
        self.values.iter().sum()
    }
}

/// A chart. Include `_chart.html` with it as `chart`.
pub(crate) struct Chart {
    /// Id of its element; unique within a page.
    pub(crate) id: &'static str,
    /// What it shows.
    pub(crate) title: &'static str,
    /// What is said when there is nothing to show.
    pub(crate) empty: &'static str,
    /// Bars, the first at the bottom.
    pub(crate) lines: Vec<Line>,
    /// When the first stretch begins.
    pub(crate) start: Timestamp,
    /// How long a stretch is.
    pub(crate) step: Duration,
}

/// A row of the table.
pub(crate) struct Row {
    /// When the stretch begins.
    pub(crate) time: Timestamp,
    /// The same in words.
    pub(crate) label: String,
    /// The number of each line.
    pub(crate) values: Vec<u64>,
}

impl Chart {
    /// Whether all numbers are zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.total() == 0)
    }

    /// Everything counted.
    pub(crate) fn total(&self) -> u64 {
        self.lines.iter().map(Line::total).sum()
    }

    /// The number at the top of the scale; even, so that its half is whole.
    pub(crate) fn top(&self) -> u64 {
        scale((0..self.points()).map(|at| self.sum(at)).max().unwrap_or(0))
    }

    /// What the drawing shows, in a sentence.
    pub(crate) fn summary(&self) -> String {
        let parts: Vec<_> = self
            .lines
            .iter()
            .map(|line| format!("{} {}", show::number(line.total()), line.name))
            .collect();
        format!("{}: {}", self.title, parts.join(", "))
    }

    /// The drawing.
    pub(crate) fn svg(&self) -> String {
        let points = self.points();
        let width = points * STRIDE;
        let top = self.top();
        let mut svg = format!(
            "<svg class=\"chart plot\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"{id}-t\"><title id=\"{id}-t\">{}</title>",
            escape(&self.summary()),
            id = self.id,
        );
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M0 .5H{width}M0 50H{width}M0 99.500H{width}\"/>"
        );
        let mut below = vec![0; points];
        for line in &self.lines {
            let mut path = String::new();
            for (at, value) in line
                .values
                .iter()
                .enumerate()
                .filter(|(_, value)| **value > 0)
            {
                let Some(below) = below.get_mut(at) else {
                    break;
                };
                let (foot, head) = (height(*below, top), height(*below + value, top));
                // What is there is seen, however little it is.
                let head = head.min(foot - 1.5).max(0.0);
                let _ = write!(
                    path,
                    "M{} {foot:.1}V{head:.1}h{}V{foot:.1}z",
                    at * STRIDE + 1,
                    STRIDE - 2
                );
                *below += value;
            }
            if !path.is_empty() {
                let _ = write!(svg, "<path class=\"{}\" d=\"{path}\"/>", line.class);
            }
        }
        svg.push_str("<g class=\"hits\">");
        for at in 0..points {
            if self.sum(at) == 0 {
                continue;
            }
            let time = self.time(at);
            let parts: Vec<_> = self
                .lines
                .iter()
                .filter_map(|line| {
                    let value = line.values.get(at).copied().filter(|value| *value > 0)?;
                    Some(format!("{} {}", show::number(value), line.name))
                })
                .collect();
            let _ = write!(
                svg,
                "<rect x=\"{}\" width=\"{STRIDE}\" height=\"100\"><title data-at=\"{}\">{} UTC · {}</title></rect>",
                at * STRIDE,
                time.millis(),
                self.label(time),
                escape(&parts.join(", ")),
            );
        }
        svg.push_str("</g></svg>");
        svg
    }

    /// The times below the drawing.
    pub(crate) fn axis(&self) -> Vec<Row> {
        let points = self.points();
        (0..LABELS)
            .map(|label| {
                let time = self.time(points * label / LABELS.saturating_sub(1).max(1));
                let label = self.label(time);
                // A day is enough below the drawing.
                let short = label.split(',').next().unwrap_or_default().to_owned();
                Row {
                    time,
                    label: short,
                    values: Vec::new(),
                }
            })
            .collect()
    }

    /// The stretches in which something was counted, the newest first.
    pub(crate) fn rows(&self) -> Vec<Row> {
        (0..self.points())
            .rev()
            .filter(|at| self.sum(*at) > 0)
            .map(|at| {
                let time = self.time(at);
                Row {
                    time,
                    label: self.label(time),
                    values: self
                        .lines
                        .iter()
                        .map(|line| line.values.get(at).copied().unwrap_or(0))
                        .collect(),
                }
            })
            .collect()
    }

    /// How times are said: `clock`, or `day` where stretches are longer than half an hour.
    pub(crate) const fn reading(&self) -> &'static str {
        if self.step.as_secs() > 1800 {
            "day"
        } else {
            "clock"
        }
    }

    fn points(&self) -> usize {
        self.lines
            .iter()
            .map(|line| line.values.len())
            .max()
            .unwrap_or(0)
    }

    fn sum(&self, at: usize) -> u64 {
        self.lines
            .iter()
            .filter_map(|line| line.values.get(at))
            .sum()
    }

    fn time(&self, at: usize) -> Timestamp {
        let steps = u32::try_from(at).unwrap_or(u32::MAX);
        self.start.after(self.step.saturating_mul(steps))
    }

    /// A time for machines, as short as it can be said.
    pub(crate) fn stamp(&self, time: impl std::borrow::Borrow<Timestamp>) -> String {
        let iso = time.borrow().to_string();
        format!("{}Z", iso.get(..16).unwrap_or_default())
    }

    fn label(&self, time: Timestamp) -> String {
        // 2026-01-15T09:30:00.000Z
        let iso = time.to_string();
        let clock = iso.get(11..16).unwrap_or_default();
        match self.reading() {
            "clock" => clock.to_owned(),
            _ => {
                let month = iso.get(5..7).and_then(|month| month.parse::<usize>().ok());
                let name = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
                let day = iso.get(8..10).unwrap_or_default().trim_start_matches('0');
                format!("{day} {}, {clock}", name.unwrap_or(&""))
            }
        }
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The distance of a value from the top of the drawing.
#[allow(clippy::cast_precision_loss)]
fn height(value: u64, top: u64) -> f64 {
    HEIGHT - value as f64 / top.max(1) as f64 * HEIGHT
}

/// The smallest of 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, ... that is not below the value.
fn scale(value: u64) -> u64 {
    let mut ten = 1u64;
    loop {
        for step in [2, 4, 6, 8, 10] {
            let top = ten.saturating_mul(step);
            if top >= value {
                return top;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chart(values: Vec<u64>) -> Chart {
        Chart {
            id: "mail",
            title: "Mail",
            empty: "None.",
            lines: vec![
                Line::new("fine", "s1", values.clone()),
                Line::new("<failed>", "s2", vec![0; values.len()]),
            ],
            start: "2026-01-05T09:30:00.000Z".parse().unwrap(),
            step: Duration::from_secs(60),
        }
    }

    #[test]
    fn scales() {
        for (value, top) in [
            (0, 2),
            (1, 2),
            (3, 4),
            (10, 10),
            (11, 20),
            (99, 100),
            (101, 200),
        ] {
            assert_eq!(scale(value), top, "{value}");
        }
        assert!(scale(u64::MAX) >= u64::MAX - 1);
    }

    #[test]
    fn bars_and_tooltips() {
        let chart = chart(vec![0, 4, 2]);
        let svg = chart.svg();
        assert!(svg.contains("viewBox=\"0 0 30 100\""), "{svg}");
        assert!(
            svg.contains(
                "<path class=\"s1\" d=\"M11 100.0V0.0h8V100.0zM21 100.0V50.0h8V100.0z\"/>"
            ),
            "{svg}"
        );
        assert!(svg.contains(">09:31 UTC · 4 fine</title>"), "{svg}");
        assert!(svg.contains("Mail: 6 fine, 0 &lt;failed>"), "{svg}");
        assert!(!svg.contains("style"), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2);
        let rows = chart.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].label.as_str(), &rows[0].values[..]),
            ("09:32", &[2, 0][..])
        );
    }

    #[test]
    fn the_axis_ends_where_the_last_stretch_ends() {
        let labels: Vec<_> = chart(vec![0; 60])
            .axis()
            .into_iter()
            .map(|row| row.label)
            .collect();
        assert_eq!(labels, ["09:30", "09:45", "10:00", "10:15", "10:30"]);
        let mut week = chart(vec![0; 56]);
        week.step = Duration::from_secs(3 * 3600);
        assert_eq!(week.axis()[4].label, "12 Jan");
        assert!(week.is_empty());
    }
}
