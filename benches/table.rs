//! The printed table: one row per measure, with the baselines of the same run and whether the
//! target is reached.

use crate::database::DatabaseKind;

/// One measure of all subjects.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub measure: String,
    pub bare: Option<f64>,
    pub relay: Option<f64>,
    pub durable: Option<f64>,
    pub sqlite: Measurement,
    pub postgres: Measurement,
    /// The target for the ratio, or for the value if there is no ratio.
    pub target: Target,
    /// The target for PostgreSQL, if it differs.
    pub postgres_target: Option<Target>,
}

/// A result of Service Hooks, and its ratio to the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    pub value: Option<f64>,
    pub ratio: Option<f64>,
}

/// A target.
#[derive(Clone, Copy, Debug, Default)]
pub enum Target {
    /// No target, for information only.
    #[default]
    None,
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub fn new(measure: impl Into<String>, target: Target) -> Self {
        Self { measure: measure.into(), target, ..Self::default() }
    }

    pub fn on_postgres(self, target: Target) -> Self {
        Self { postgres_target: Some(target), ..self }
    }

    pub fn set(&mut self, kind: DatabaseKind, value: f64, ratio: Option<f64>) {
        let ours = Measurement { value: Some(value), ratio };
        match kind {
            DatabaseKind::Sqlite => self.sqlite = ours,
            DatabaseKind::Postgres => self.postgres = ours,
        }
    }

    /// The row as text, one entry per column of [`print`].
    fn cells(&self) -> [String; 10] {
        let target = match self.postgres_target {
            Some(postgres) => format!("{}, {}", self.target.text(), postgres.text()),
            None => self.target.text(),
        };
        [
            self.measure.clone(),
            format_value(self.bare),
            format_value(self.relay),
            format_value(self.durable),
            format_value(self.sqlite.value),
            format_value(self.postgres.value),
            ratio(self.sqlite.ratio),
            ratio(self.postgres.ratio),
            target,
            self.verdict(),
        ]
    }

    /// Whether the targets are reached; empty without a target.
    fn verdict(&self) -> String {
        let results = [
            ("SQLite", self.sqlite, self.target),
            ("PostgreSQL", self.postgres, self.postgres_target.unwrap_or(self.target)),
        ];
        let results = results
            .into_iter()
            .filter_map(|(name, ours, target)| Some((name, ours.ratio.or(ours.value)?, target)));
        let failed: Vec<&str> = results
            .filter(|(_, value, target)| !target.is_reached(*value))
            .map(|(name, ..)| name)
            .collect();
        match (self.target, failed.is_empty()) {
            (Target::None, _) => String::new(),
            (_, true) => "reached".to_owned(),
            (_, false) => format!("MISSED by {}", failed.join(", ")),
        }
    }
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::AtLeast(target) => format!(">= {target}"),
            Self::AtMost(target) => format!("<= {target}"),
        }
    }

    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(target) => value >= target,
            Self::AtMost(target) => value <= target,
        }
    }
}

/// Prints the rows in columns.
pub fn print(rows: &[Row]) {
    let headers = [
        "measure",
        "bare client",
        "relay",
        "durable relay",
        "SQLite",
        "PostgreSQL",
        "ratio",
        "ratio",
        "target",
        "",
    ];
    let mut lines = vec![headers.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: Vec<usize> = (0..headers.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // Text is left-aligned, numbers are right-aligned.
            if column == 0 || column == headers.len() - 1 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        if number == 0 {
            println!(
                "{}",
                widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ")
            );
        }
    }
}

fn format_value(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.2}")).unwrap_or_default()
}
