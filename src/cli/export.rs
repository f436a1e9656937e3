//! The arguments of `delivery export`, and the address that they stand for.

use clap::Args;

use crate::domain::address::address;

/// Filters and format of an export.
#[derive(Args)]
pub struct Export {
    /// Format: csv or jsonl
    #[arg(long, default_value = "csv")]
    format: String,
    /// Add the payloads
    #[arg(long)]
    payloads: bool,
    /// Only deliveries of this hook
    #[arg(long)]
    hook: Option<String>,
    /// Only deliveries in this state, such as failed
    #[arg(long)]
    state: Option<String>,
    /// Only deliveries with this last response, such as 5xx or timeout
    #[arg(long)]
    answer: Option<String>,
    /// Only deliveries of an event (its ID) or an event type (its key)
    #[arg(long)]
    event: Option<String>,
    /// Only deliveries accepted at or after this time, such as 2026-11-29T08:00:00Z
    #[arg(long)]
    from: Option<String>,
    /// Only deliveries accepted before this time
    #[arg(long)]
    to: Option<String>,
    /// Only deliveries whose payload contains this text
    #[arg(long)]
    text: Option<String>,
}

impl Export {
    pub fn path(&self) -> String {
        let filters = [
            ("format", Some(&self.format)),
            ("hook", self.hook.as_ref()),
            ("state", self.state.as_ref()),
            ("answer", self.answer.as_ref()),
            ("event", self.event.as_ref()),
            ("from", self.from.as_ref()),
            ("to", self.to.as_ref()),
            ("text", self.text.as_ref()),
        ];
        let mut pairs: Vec<(&str, &str)> = filters
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_ref()?.as_str())))
            .collect();
        if self.payloads {
            pairs.push(("payloads", "true"));
        }
        address("/api/v1/deliveries/export", &pairs)
    }
}
