//! The table of a run, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::sample::Sample;

/// One line of the table: something measured, what it is measured against, and what is to be reached.
pub struct Line {
    work: String,
    database: &'static str,
    figure: &'static str,
    ours: f64,
    limit: Option<(String, f64)>,
    ratio: Option<f64>,
    target: Target,
    sample: Option<Sample>,
    note: String,
}

/// What is to be reached.
#[derive(Clone, Copy)]
pub enum Target {
    /// The ratio is this at least.
    AtLeast(f64),
    /// The ratio is this at most.
    AtMost(f64),
    /// Ours is this at most, whatever the limit.
    AtMostInAll(f64),
    /// It is shown and not judged.
    None,
}

impl Line {
    /// Something measured: what is compared of which work, and our value of it.
    pub fn new(work: &str, figure: &'static str, ours: f64) -> Self {
        Self {
            work: work.to_owned(),
            database: "",
            figure,
            ours,
            limit: None,
            ratio: None,
            target: Target::None,
            sample: None,
            note: String::new(),
        }
    }

    /// The database that it was measured on.
    pub fn on(mut self, database: &'static str) -> Self {
        self.database = database;
        self
    }

    /// Compares with a limit. The ratio is ours divided by the limit.
    pub fn against(mut self, name: &str, limit: f64) -> Self {
        self.ratio = Some(self.ours / limit);
        self.limit = Some((name.to_owned(), limit));
        self
    }

    /// Compares with a limit of something that is spent. The ratio is the limit's share in ours.
    pub fn spent_against(mut self, name: &str, limit: f64) -> Self {
        self.ratio = Some(limit / self.ours);
        self.limit = Some((name.to_owned(), limit));
        self
    }

    /// What is to be reached.
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// More figures of ours.
    pub fn sample(mut self, sample: Sample) -> Self {
        if sample.refused > 0.0 {
            let percent = short(sample.refused * 100.0);
            self = self.note(&format!(
                "{percent} % refused with {}",
                sample.refusal.unwrap_or_default()
            ));
        }
        self.sample = Some(sample);
        self
    }

    /// What a reader has to know.
    pub fn note(mut self, note: &str) -> Self {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        // A cell of a table has one line.
        self.note
            .push_str(&note.split_whitespace().collect::<Vec<_>>().join(" "));
        self
    }

    /// Whether the target is reached; nothing where there is none.
    pub fn is_reached(&self) -> Option<bool> {
        match self.target {
            Target::AtLeast(least) => self.ratio.map(|ratio| ratio >= least),
            Target::AtMost(most) => self.ratio.map(|ratio| ratio <= most),
            Target::AtMostInAll(most) => Some(self.ours <= most),
            Target::None => None,
        }
    }

    /// The line for somebody who waits for the table.
    pub fn in_short(&self) -> String {
        let ratio = self
            .ratio
            .map_or(String::new(), |ratio| format!(", ratio {}", short(ratio)));
        let reached = self
            .is_reached()
            .map_or("", |reached| if reached { ": reached" } else { ": not reached" });
        format!(
            "{}, {}: {}{ratio}{reached} {}",
            self.work,
            self.figure,
            short(self.ours),
            self.note
        )
    }

    fn reached(&self) -> &'static str {
        match self.is_reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::AtLeast(least) => format!("ratio >= {}", short(least)),
            Target::AtMost(most) => format!("ratio <= {}", short(most)),
            Target::AtMostInAll(most) => format!("ours <= {}", short(most)),
            Target::None => String::new(),
        }
    }

    fn cells(&self) -> [String; 11] {
        let optional = |value: Option<f64>| value.map_or(String::new(), short);
        let limit = self.limit.as_ref();
        let cluster = self.sample.and_then(|sample| sample.cluster_cpu);
        [
            self.work.clone(),
            self.database.to_owned(),
            self.figure.to_owned(),
            short(self.ours),
            limit.map_or(String::new(), |(name, limit)| format!("{} {name}", short(*limit))),
            optional(self.ratio),
            self.target_text(),
            self.reached().to_owned(),
            optional(self.sample.map(|sample| sample.cpu))
                + &cluster.map_or(String::new(), |cpu| format!(" + {}", short(cpu))),
            self.sample.map_or(String::new(), |sample| {
                format!("{} / {}", short(sample.p50), short(sample.p99))
            }),
            self.note.clone(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "work": self.work,
            "database": self.database,
            "figure": self.figure,
            "ours": number(self.ours),
            "limit": self.limit.as_ref().map(|(_, limit)| number(*limit)),
            "limit_is": self.limit.as_ref().map(|(name, _)| name),
            "ratio": self.ratio.map(number),
            "target": self.target_text(),
            "reached": self.is_reached(),
            "cpu_us": self.sample.map(|sample| number(sample.cpu)),
            "cluster_cpu_us": self.sample.and_then(|sample| sample.cluster_cpu).map(number),
            "per_second": self.sample.map(|sample| number(sample.per_second)),
            "p50_ms": self.sample.map(|sample| number(sample.p50)),
            "p99_ms": self.sample.map(|sample| number(sample.p99)),
            "note": self.note,
        })
    }
}

const TITLES: [&str; 11] = [
    "work",
    "database",
    "figure",
    "ours",
    "limit",
    "ratio",
    "target",
    "reached",
    "CPU µs",
    "p50 / p99 ms",
    "note",
];

/// The lines as a table of Markdown, whose columns stand below each other.
pub fn as_text(lines: &[Line]) -> String {
    let mut rows: Vec<[String; 11]> = vec![TITLES.map(str::to_owned)];
    rows.extend(lines.iter().map(Line::cells));
    let mut widths = [0; 11];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        // Writing to a text does not fail.
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

/// The lines with everything that was measured, and how.
pub fn as_json(lines: &[Line], about: &Value) -> Value {
    json!({"run": about, "rows": lines.iter().map(Line::json).collect::<Vec<_>>()})
}

/// Three figures that matter.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

/// JSON knows no infinity.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64((value * 1e4).round() / 1e4).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ours: f64, limit: f64, target: Target) -> Line {
        Line::new("list", "a second", ours)
            .against("bare", limit)
            .target(target)
    }

    #[test]
    fn a_target_is_a_bound_of_the_ratio_or_of_ours() {
        assert_eq!(line(6.0, 10.0, Target::AtLeast(0.6)).is_reached(), Some(true));
        assert_eq!(line(5.9, 10.0, Target::AtLeast(0.6)).is_reached(), Some(false));
        assert_eq!(line(13.0, 10.0, Target::AtMost(1.2)).is_reached(), Some(false));
        assert_eq!(line(13.0, 10.0, Target::AtMostInAll(13.0)).is_reached(), Some(true));
        assert_eq!(line(13.0, 10.0, Target::None).is_reached(), None);
        let spent = Line::new("list", "CPU µs", 20.0).spent_against("bare", 10.0);
        assert_eq!(spent.target(Target::AtLeast(0.6)).is_reached(), Some(false));
    }

    #[test]
    fn the_text_holds_a_line_for_each() {
        let text = as_text(&[line(6.0, 10.0, Target::AtLeast(0.6))]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("10.0 bare"), "{text}");
        assert!(text.contains("yes"), "{text}");
    }
}
