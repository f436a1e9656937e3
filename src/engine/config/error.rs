//! Errors in the settings. Each names the setting in the form that the operator used: the
//! environment variable or the key in the file.

use figment::error::Kind;

use super::environment::PREFIX;

/// Why the settings cannot be used: which one is wrong, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub(super) String);

impl From<figment::Error> for SettingsError {
    fn from(errors: figment::Error) -> Self {
        let lines: Vec<String> = errors.into_iter().map(|error| describe(&error)).collect();
        Self(lines.join("\n"))
    }
}

/// One line for one error. Ends with an example or the known settings where that helps.
fn describe(error: &figment::Error) -> String {
    let is_from_environment =
        error.metadata.as_ref().is_some_and(|source| source.name.contains("environment"));
    let mut path = error.path.clone();
    // figment's path sometimes lacks the unknown field itself.
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last() != Some(field)
    {
        path.push(field.clone());
    }
    let name = if is_from_environment {
        format!("{PREFIX}{}", path.join("__").to_ascii_uppercase())
    } else {
        path.join(".")
    };
    match &error.kind {
        Kind::UnknownField(field, _) if field == "port" => format!(
            "{name} is not a setting. Set the listen address with {PREFIX}LISTEN=127.0.0.1:3000"
        ),
        Kind::UnknownField(_, known) => {
            format!("{name} is not a setting. Known settings: {}", known.join(", "))
        }
        kind => format!("{name}: {kind}"),
    }
}
