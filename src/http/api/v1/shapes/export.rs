//! The two formats of an export: CSV for spreadsheets, JSON Lines for programs.

use std::fmt::Write;

use serde::Serialize;
use serde_json::value::RawValue;

use super::delivery::DeliveryShape;
use crate::portal::ops::log::export::ExportRow;

/// A format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

const HEAD: &str = "delivery_id,event_id,event_type,hook_id,hook,state,reason,test,attempts,\
                    last_class,last_status,last_duration_ms,accepted_at,updated_at,\
                    next_attempt_at";

/// One line of JSON Lines: the delivery as the API shows it, its hook's name and its payload.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    delivery: DeliveryShape,
    hook: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Option<Box<RawValue>>>,
}

impl Format {
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines].into_iter().find(|format| format.key() == key)
    }

    pub fn key(self) -> &'static str {
        self.extension()
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    /// What the file begins with.
    pub fn head(self, with_payloads: bool) -> String {
        match self {
            Self::Csv if with_payloads => format!("{HEAD},payload\r\n"),
            Self::Csv => format!("{HEAD}\r\n"),
            Self::JsonLines => String::new(),
        }
    }

    /// Appends a delivery.
    pub fn write(self, out: &mut String, row: ExportRow) {
        match self {
            Self::Csv => csv(out, &row),
            Self::JsonLines => json(out, row),
        }
    }
}

fn csv(out: &mut String, row: &ExportRow) {
    let delivery = &row.delivery;
    let text = |value: Option<String>| value.unwrap_or_default();
    let answer = delivery.last_answer;
    let cells = [
        delivery.id.to_string(),
        delivery.event_id.to_string(),
        delivery.event_type.key().to_owned(),
        delivery.hook_id.to_string(),
        row.hook.clone(),
        delivery.state.key().to_owned(),
        text(delivery.reason.clone()),
        delivery.is_test.to_string(),
        delivery.attempts.to_string(),
        text(answer.map(|answer| answer.class().to_owned())),
        text(answer.and_then(|answer| answer.status()).map(|status| status.to_string())),
        text(delivery.last_duration_ms.map(|millis| millis.to_string())),
        delivery.created_at.rfc3339(),
        delivery.updated_at.rfc3339(),
        text(delivery.due_at.map(|at| at.rfc3339())),
    ];
    for (number, value) in cells.iter().enumerate() {
        out.push_str(if number == 0 { "" } else { "," });
        cell(out, value);
    }
    if let Some(payload) = &row.payload {
        out.push(',');
        cell(out, &String::from_utf8_lossy(payload));
    }
    out.push_str("\r\n");
}

/// One cell of CSV (RFC 4180). A spreadsheet would execute a cell that begins like a formula: an
/// apostrophe in front makes it text.
fn cell(out: &mut String, value: &str) {
    let is_formula = value.trim_start().starts_with(['=', '+', '-', '@'])
        || value.starts_with(['\t', '\r', '\n']);
    let guard = if is_formula { "'" } else { "" };
    let _infallible = if value.contains(['"', ',', '\n', '\r']) {
        write!(out, "\"{guard}{}\"", value.replace('"', "\"\""))
    } else {
        write!(out, "{guard}{value}")
    };
}

fn json(out: &mut String, row: ExportRow) {
    let ExportRow { delivery, hook, payload } = row;
    let line = Line { delivery: delivery.into(), hook: &hook, payload: payload.map(raw) };
    // Every field has a JSON form.
    out.push_str(&serde_json::to_string(&line).unwrap_or_default());
    out.push('\n');
}

/// The payload as it was sent, in one line: outside of strings, JSON has line breaks only as
/// blanks. Null if retention removed it.
fn raw(payload: Vec<u8>) -> Option<Box<RawValue>> {
    let text = String::from_utf8(payload).ok()?.replace(['\n', '\r'], " ");
    RawValue::from_string(text).ok()
}

/// For the audit log: the format and the filters, without the searched text.
pub fn audit_detail(format: Format, with_payloads: bool, has_text: bool, filters: &str) -> String {
    format!(
        "{}{}{}{}",
        format.key(),
        if with_payloads { ", with payloads" } else { "" },
        if has_text { ", text search" } else { "" },
        if filters.is_empty() { String::new() } else { format!(", {filters}") },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell_of(value: &str) -> String {
        let mut out = String::new();
        cell(&mut out, value);
        out
    }

    #[test]
    fn a_cell_is_never_a_formula_and_never_two() {
        for (value, wanted) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"\n", "\"say \"\"x\"\"\n\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\t=1", "'\t=1"),
            (" =1", "' =1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("", ""),
        ] {
            assert_eq!(cell_of(value), wanted);
        }
    }

    #[test]
    fn a_payload_keeps_its_spelling_in_one_line() {
        let raw = raw(b"{\n \"a\": 1.50,\r\n \"b\": \"x\\ny\"}".to_vec()).unwrap();
        assert_eq!(raw.get(), "{  \"a\": 1.50,   \"b\": \"x\\ny\"}");
        assert!(super::raw(Vec::new()).is_none());
    }
}
