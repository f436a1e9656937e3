//! What is printed: one row for each thing that was measured, each beside the limits of the same
//! run, and whether its bar is reached.

use crate::database::Kind;

/// One measure.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub measure: String,
    pub bare: Option<f64>,
    pub relay: Option<f64>,
    pub durable: Option<f64>,
    pub sqlite: Ours,
    pub postgres: Ours,
    /// On the ratio where there is one, else on the value.
    pub bar: Bar,
    /// PostgreSQL's, where it is another one.
    pub postgres_bar: Option<Bar>,
}

/// What was measured of Service Hooks, and what that is of its yardstick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ours {
    pub value: Option<f64>,
    pub ratio: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub enum Bar {
    /// For information.
    #[default]
    None,
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub fn new(measure: impl Into<String>, bar: Bar) -> Self {
        Self { measure: measure.into(), bar, ..Self::default() }
    }

    pub fn on_postgres(self, bar: Bar) -> Self {
        Self { postgres_bar: Some(bar), ..self }
    }

    pub fn set(&mut self, kind: Kind, value: f64, ratio: Option<f64>) {
        let ours = Ours { value: Some(value), ratio };
        match kind {
            Kind::Sqlite => self.sqlite = ours,
            Kind::Postgres => self.postgres = ours,
        }
    }

    fn cells(&self) -> [String; 10] {
        let bar = match self.postgres_bar {
            Some(postgres) => format!("{}, {}", self.bar.spelled(), postgres.spelled()),
            None => self.bar.spelled(),
        };
        [
            self.measure.clone(),
            spelled(self.bare),
            spelled(self.relay),
            spelled(self.durable),
            spelled(self.sqlite.value),
            spelled(self.postgres.value),
            ratio(self.sqlite.ratio),
            ratio(self.postgres.ratio),
            bar,
            self.verdict(),
        ]
    }

    fn verdict(&self) -> String {
        let judged = [
            ("SQLite", self.sqlite, self.bar),
            ("PostgreSQL", self.postgres, self.postgres_bar.unwrap_or(self.bar)),
        ];
        let judged = judged
            .into_iter()
            .filter_map(|(name, ours, bar)| Some((name, ours.ratio.or(ours.value)?, bar)));
        let failed: Vec<&str> =
            judged.filter(|(_, found, bar)| !bar.holds(*found)).map(|(name, ..)| name).collect();
        match (self.bar, failed.is_empty()) {
            (Bar::None, _) => String::new(),
            (_, true) => "reached".to_owned(),
            (_, false) => format!("NOT by {}", failed.join(", ")),
        }
    }
}

impl Bar {
    fn spelled(self) -> String {
        match self {
            Self::None => String::new(),
            Self::AtLeast(bar) => format!(">= {bar}"),
            Self::AtMost(bar) => format!("<= {bar}"),
        }
    }

    fn holds(self, found: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(bar) => found >= bar,
            Self::AtMost(bar) => found <= bar,
        }
    }
}

/// Prints the rows in columns.
pub fn print(rows: &[Row]) {
    let heads = [
        "measure",
        "bare client",
        "relay",
        "durable relay",
        "SQLite",
        "PostgreSQL",
        "ratio",
        "ratio",
        "bar",
        "",
    ];
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // Words to the left, numbers to the right.
            if column == 0 || column == heads.len() - 1 {
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

fn spelled(value: Option<f64>) -> String {
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
