//! Input of commands besides arguments: settings, event keys, secrets. May import domain, engine
//! and view::words.

use super::failure::Failure;
use crate::{domain::event::EventType, engine::config::Settings, view::words::commands};

/// Loads the settings. An invalid setting counts as wrong usage.
pub fn load_settings() -> Result<Settings, Failure> {
    Settings::load().map_err(|error| Failure::Usage(error.to_string()))
}

pub fn known_event(key: &str) -> Result<EventType, Failure> {
    let unknown = || Failure::Usage(commands::unknown_event_type(key));
    EventType::from_key(key).ok_or_else(unknown)
}

/// Reads a secret: the first line of standard input.
pub fn secret_from_stdin(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(format!("Can't read the {what}: {error}")))?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::Usage(format!(
            "Pass the {what} on standard input, for example: printf %s \"$SECRET\" | ..."
        )));
    }
    Ok(secret.to_owned())
}
