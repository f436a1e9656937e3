//! What commands read besides their arguments: settings, names of events, secrets. May import
//! domain and engine.

use super::failure::Failure;
use crate::{domain::event::EventType, engine::config::Settings};

/// A wrong setting is wrong usage.
pub fn load_settings() -> Result<Settings, Failure> {
    Settings::load().map_err(|error| Failure::Usage(error.to_string()))
}

pub fn known_event(key: &str) -> Result<EventType, Failure> {
    let unknown =
        || Failure::Usage(format!("{key} is not an event; there are {}", EventType::known_keys()));
    EventType::from_key(key).ok_or_else(unknown)
}

/// A secret from standard input: its first line, or all of it if it has but one.
pub fn secret_from_stdin(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(format!("cannot read the {what}: {error}")))?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::Usage(format!(
            "give the {what} on standard input, such as: printf %s \"$SECRET\" | ..."
        )));
    }
    Ok(secret.to_owned())
}
