//! Charts, rendered on the server as SVG with classes and presentation attributes: the content
//! security policy forbids inline styles. The text beside a chart, or its label, gives the key
//! numbers, so that pages can be understood without the charts.

use leptos::prelude::*;

use crate::domain::words::grouped;

/// A stacked column: successes below, failures on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    pub good: i64,
    pub bad: i64,
}

const STEP: f64 = 10.0;
const GAP: f64 = 2.0;

/// One path for all columns of a kind. With one element per column, a page with fifty charts would
/// have thousands of elements.
fn columns_path(columns: &[Column], height: f64, highest: i64, is_bad: bool) -> String {
    let scale = |count: i64| height * to_float(count) / to_float(highest.max(1));
    let mut path = String::new();
    for (at, column) in columns.iter().enumerate() {
        let (count, below) = if is_bad { (column.bad, column.good) } else { (column.good, 0) };
        if count == 0 {
            continue;
        }
        // At least 1 unit high, so that small counts stay visible.
        let size = scale(count).max(1.0);
        let x = to_float(at as i64) * STEP;
        let bottom = height - scale(below);
        path.push_str(&format!(
            "M{x:.0} {bottom:.1}h{:.0}v-{size:.1}h-{:.0}z",
            STEP - GAP,
            STEP - GAP
        ));
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "charts need no exact values")]
fn to_float(number: i64) -> f64 {
    number as f64
}

fn highest(columns: &[Column]) -> i64 {
    columns.iter().map(|column| column.good + column.bad).max().unwrap_or(0)
}

/// A sparkline for a row of a table. `label` is its text alternative.
#[component]
pub fn Bars(columns: Vec<Column>, label: String) -> impl IntoView {
    const HEIGHT: f64 = 24.0;
    let highest = highest(&columns);
    let width = to_float(columns.len() as i64) * STEP - GAP;
    if highest == 0 {
        let line = format!("M0 {}h{width:.0}", HEIGHT - 1.0);
        return view! {
            <svg class="bars" viewBox=format!("0 0 {width:.0} \
                {HEIGHT:.0}") preserveAspectRatio="none" role="img" aria-label=label>
                <path class="none" d=line/>
            </svg>
        }
        .into_any();
    }
    view! {
        <svg class="bars" viewBox=format!("0 0 {width:.0} {HEIGHT:.0}") preserveAspectRatio="none"
            role="img" aria-label=label>
            {[false, true].map(|is_bad| {
                let path = columns_path(&columns, HEIGHT, highest, is_bad);
                (!path.is_empty()).then(|| view! { <path class=if is_bad { "bad" } else { "good" }
                    d=path/> })
            })}
        </svg>
    }
    .into_any()
}

/// Large columns with a scale. `marks` are the labels of the time axis, spread evenly.
#[component]
pub fn ColumnChart(
    columns: Vec<Column>,
    #[prop(optional)] marks: Vec<String>,
    label: String,
) -> impl IntoView {
    const HEIGHT: f64 = 140.0;
    let (highest, width) =
        (round_up(highest(&columns)), to_float(columns.len() as i64) * STEP - GAP);
    let grid =
        format!("M0 .5h{width:.0}M0 {}h{width:.0}M0 {}h{width:.0}", HEIGHT / 2.0, HEIGHT - 0.5);
    let good = columns_path(&columns, HEIGHT, highest, false);
    let bad = columns_path(&columns, HEIGHT, highest, true);
    view! {
        <div class="chart">
            <Scale highest unit=""/>
            <svg viewBox=format!("0 0 {width:.0} {HEIGHT:.0}") preserveAspectRatio="none"
                role="img" aria-label=label>
                <defs>
                    <pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse">
                        <rect class="bad" width="4" height="4"/><path class="stripe" d="M0 4L4 0"/>
                    </pattern>
                </defs>
                <path class="grid" d=grid vector-effect="non-scaling-stroke"/>
                <path class="good" d=good/>
                <path fill="url(#hatch)" d=bad/>
            </svg>
            <Marks marks/>
        </div>
    }
}

/// A line of a chart: a value for each column that has one.
pub type Values = Vec<Option<i64>>;

/// Two lines over the same time axis, for example median and p95.
#[component]
pub fn LineChart(
    lower: Values,
    upper: Values,
    unit: &'static str,
    #[prop(optional)] marks: Vec<String>,
    label: String,
) -> impl IntoView {
    const HEIGHT: f64 = 80.0;
    let columns = upper.len();
    let width = to_float(columns as i64) * STEP - GAP;
    let highest = round_up(lower.iter().chain(&upper).flatten().copied().max().unwrap_or(0));
    let grid =
        format!("M0 .5h{width:.0}M0 {}h{width:.0}M0 {}h{width:.0}", HEIGHT / 2.0, HEIGHT - 0.5);
    let (low, high) = (line_path(&lower, HEIGHT, highest), line_path(&upper, HEIGHT, highest));
    view! {
        <div class="chart lines">
            <Scale highest unit/>
            <svg viewBox=format!("0 0 {width:.0} {HEIGHT:.0}") preserveAspectRatio="none"
                role="img" aria-label=label>
                <path class="grid" d=grid vector-effect="non-scaling-stroke"/>
                <path class="upper" d=high vector-effect="non-scaling-stroke"/>
                <path class="lower" d=low vector-effect="non-scaling-stroke"/>
            </svg>
            <Marks marks/>
        </div>
    }
}

/// A horizontal segment for each value, joined to the next. A missing value leaves a gap.
fn line_path(values: &Values, height: f64, highest: i64) -> String {
    let y = |value: i64| (height - 2.0) * (1.0 - to_float(value) / to_float(highest.max(1))) + 1.0;
    let mut path = String::new();
    let mut is_drawing = false;
    for (at, value) in values.iter().enumerate() {
        let x = to_float(at as i64) * STEP;
        if let Some(value) = value {
            let command = if is_drawing { 'L' } else { 'M' };
            path.push_str(&format!("{command}{x:.0} {:.1}h{:.0}", y(*value), STEP - GAP));
        }
        is_drawing = value.is_some();
    }
    path
}

/// The end of a scale: at least `highest`, and easy to halve and to read: 2, 4 or 10 with zeros.
fn round_up(highest: i64) -> i64 {
    let mut power: i64 = 1;
    loop {
        for step in [2, 4, 10] {
            let end = power.saturating_mul(step);
            if end >= highest {
                return end;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The labels of the value axis: its end, its middle and zero.
#[component]
fn Scale(highest: i64, unit: &'static str) -> impl IntoView {
    let unit = (!unit.is_empty()).then(|| format!(" {unit}"));
    view! {
        <p class="scale" aria-hidden="true"><span>{grouped(highest)} {unit}</span> <span>{grouped(
            highest / 2)}</span> <span>"0"</span></p>
    }
}

/// A period of a [`TimeChart`]: where it leads, and its values in words.
#[derive(Clone, Debug)]
pub struct Slot {
    pub href: String,
    pub title: String,
    pub values: String,
    pub more: Option<String>,
}

/// Charts with the same columns above each other, over one time axis. Each column is a link whose
/// values show on hover and focus. A column without values is empty.
#[component]
pub fn TimeChart(
    slots: Vec<Option<Slot>>,
    marks: Vec<String>,
    children: Children,
) -> impl IntoView {
    let slots = slots.into_iter().map(|slot| match slot {
        None => view! { <span></span> }.into_any(),
        Some(Slot { href, title, values, more }) => {
            view! { <a href=href><span class="tip"><b>{title}</b> " "
            <span>{values}</span> " " <span>{more}</span></span></a> }
            .into_any()
        }
    });
    view! {
        <div class="time-chart">
            {children()}
            <div class="slots-over">{slots.collect_view()}</div>
            <Marks marks/>
        </div>
    }
}

/// The labels of a chart's time axis, spread evenly.
#[component]
fn Marks(marks: Vec<String>) -> impl IntoView {
    let marks: Vec<_> = marks.into_iter().map(|text| view! { <span>{text}</span> }).collect();
    (!marks.is_empty()).then(|| view! { <p class="marks" aria-hidden="true">{marks}</p> })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_stacked_on_successes_and_small_counts_stay_visible() {
        let columns =
            [Column { good: 999, bad: 1 }, Column::default(), Column { good: 0, bad: 500 }];
        let (good, bad) =
            (columns_path(&columns, 100.0, 1000, false), columns_path(&columns, 100.0, 1000, true));
        assert_eq!(good, "M0 100.0h8v-99.9h-8z");
        assert_eq!(bad, "M0 0.1h8v-1.0h-8zM20 100.0h8v-50.0h-8z");
    }

    #[test]
    fn a_scale_ends_at_a_round_number() {
        for (highest, end) in [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (41, 100), (812, 1000)] {
            assert_eq!(round_up(highest), end, "{highest}");
        }
        assert!(round_up(i64::MAX) == i64::MAX);
    }

    #[test]
    fn a_line_has_a_gap_where_there_is_no_value() {
        let path = line_path(&vec![Some(0), Some(10), None, Some(5)], 22.0, 10);
        assert_eq!(path, "M0 21.0h8L10 1.0h8M30 11.0h8");
        assert_eq!(line_path(&vec![], 22.0, 0), "");
    }
}
