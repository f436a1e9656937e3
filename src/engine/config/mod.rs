//! Settings: defaults < `service-hooks.toml` < environment < flags. The one place that reads the environment. An unknown
//! key or `SERVICE_HOOKS_` variable is an error that names it: a typo must not silently mean the default.

mod delivery;
mod egress;
mod limits;
pub mod log;
mod retention;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::{
    Figment, Profile,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

pub use delivery::Delivery;
pub use egress::Egress;
pub use limits::Limits;
pub use log::Log;
pub use retention::Retention;

/// Variables with our prefix that speak to the command line, not to the server.
const CLIENT_VARIABLES: &[&str] = &["server", "token"];
/// Variables with our prefix that only the tests read.
const TEST_PREFIX: &str = "test_";

pub const PREFIX: &str = "SERVICE_HOOKS_";
pub const FILE: &str = "service-hooks.toml";

/// Everything an operator can set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:data/service-hooks.db` or `postgres://...`; empty means SQLite in the data directory.
    pub database_url: String,
    /// Where the portal listens.
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// How browsers reach the portal; decides the cookie's name and `Secure`. Empty means `http://LISTEN`.
    pub public_url: String,
    /// 32 bytes or more that encrypt the stored secrets. With SQLite one is made in the data directory.
    pub master_key_file: Option<PathBuf>,
    pub egress: Egress,
    pub delivery: Delivery,
    pub limits: Limits,
    pub retention: Retention,
    pub log: Log,
    /// How long a stop may take: requests and attempts under way longer than that are cut, and attempts are repeated after
    /// the next start.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            data_dir: PathBuf::from("data"),
            public_url: String::new(),
            master_key_file: None,
            egress: Egress::default(),
            delivery: Delivery::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            log: Log::default(),
            // What a supervisor usually waits before it kills.
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// Why the settings cannot be used: which one, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl Settings {
    /// Reads the file (if it is there) and the environment.
    pub fn load() -> Result<Self, SettingsError> {
        Self::load_from(Path::new(FILE))
    }

    fn load_from(file: &Path) -> Result<Self, SettingsError> {
        let environment = Env::prefixed(PREFIX)
            .filter(|key| {
                let key = key.as_str().to_ascii_lowercase();
                !CLIENT_VARIABLES.contains(&key.as_str()) && !key.starts_with(TEST_PREFIX)
            })
            .split("__");
        Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(file))
            .merge(environment)
            .select(Profile::Default)
            .extract::<Self>()
            .map_err(|error| SettingsError(explain(&error)))?
            .validated()
    }

    fn validated(self) -> Result<Self, SettingsError> {
        self.delivery.validate().map_err(SettingsError)?;
        self.retention.validate().map_err(SettingsError)?;
        let url = self.database_url();
        if !url.starts_with("sqlite:") && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let problem = "database_url: expected sqlite:PATH or postgres://USER@HOST/NAME".to_owned();
            return Err(SettingsError(problem));
        }
        Ok(self)
    }

    /// The database in force: the one set, or SQLite in the data directory.
    pub fn database_url(&self) -> String {
        if self.database_url.is_empty() {
            format!("sqlite:{}", self.data_dir.join("service-hooks.db").display())
        } else {
            self.database_url.clone()
        }
    }

    /// How browsers reach the portal.
    pub fn public_url(&self) -> String {
        if self.public_url.is_empty() {
            format!("http://{}", self.listen)
        } else {
            self.public_url.trim_end_matches('/').to_owned()
        }
    }
}

/// One setting for the command line, which speaks to a running server and has no settings file.
pub fn client_variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of the environment")]
    std::env::var(format!("{PREFIX}{name}")).ok().filter(|value| !value.is_empty())
}

/// Names the variable or key that is wrong, in the spelling the operator used.
fn explain(error: &figment::Error) -> String {
    let mut lines = Vec::new();
    for error in error.clone() {
        let from_environment = error.metadata.as_ref().is_some_and(|source| source.name.contains("environment"));
        let mut path = error.path.clone();
        if let figment::error::Kind::UnknownField(field, _) = &error.kind
            && path.last() != Some(field)
        {
            path.push(field.clone());
        }
        let name =
            if from_environment { format!("{PREFIX}{}", path.join("__").to_ascii_uppercase()) } else { path.join(".") };
        lines.push(match &error.kind {
            figment::error::Kind::UnknownField(_, known) => {
                format!("{name} is not a setting; known here: {}", known.join(", "))
            }
            kind => format!("{name}: {kind}"),
        });
    }
    lines.join("; ")
}

#[cfg(test)]
#[expect(clippy::result_large_err, reason = "figment's jail dictates the error")]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)], file: &str) -> Result<Settings, String> {
        let mut outcome = Err(String::new());
        figment::Jail::expect_with(|jail| {
            jail.create_file(FILE, file)?;
            for (name, value) in variables {
                jail.set_env(name, value);
            }
            outcome = Settings::load().map_err(|error| error.to_string());
            Ok(())
        });
        outcome
    }

    #[test]
    fn environment_beats_file_beats_defaults() {
        let file = "listen = \"127.0.0.1:1\"\n[delivery]\ntimeout = \"3s\"\n";
        let settings = load(&[("SERVICE_HOOKS_LISTEN", "127.0.0.1:2")], file).unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.delivery.timeout.as_secs(), 3);
        assert_eq!(settings.database_url(), "sqlite:data/service-hooks.db");
    }

    #[test]
    fn nested_variables_take_lists_and_durations() {
        let settings = load(
            &[
                ("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", r#"["127.0.0.0/8", "::1/128"]"#),
                ("SERVICE_HOOKS_EGRESS__ALLOW_HTTP", "true"),
                ("SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE", r#"["5s","30s"]"#),
                ("SERVICE_HOOKS_DELIVERY__TIMEOUT", "250ms"),
            ],
            "",
        )
        .unwrap();
        assert_eq!(settings.egress.allow_cidrs.len(), 2);
        assert!(settings.egress.allow_http);
        assert_eq!(settings.delivery.retry_schedule.len(), 2);
        assert_eq!(settings.delivery.timeout.as_millis(), 250);
    }

    #[test]
    fn what_is_unknown_or_malformed_is_named() {
        let error = |variables: &[(&str, &str)], file: &str| load(variables, file).unwrap_err();
        assert!(error(&[("SERVICE_HOOKS_LISTN", "x")], "").contains("SERVICE_HOOKS_LISTN is not a setting"));
        let nested = error(&[("SERVICE_HOOKS_EGRESS__ALLOW_HTPP", "true")], "");
        assert!(nested.contains("SERVICE_HOOKS_EGRESS__ALLOW_HTPP"), "{nested}");
        assert!(error(&[], "[egress]\nalow = 1\n").contains("egress.alow is not a setting"));
        let cidr = error(&[("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", r#"["10.0.0.0/33"]"#)], "");
        assert!(cidr.contains("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS"), "{cidr}");
        assert!(error(&[("SERVICE_HOOKS_DATABASE_URL", "mysql://x")], "").contains("database_url"));
        assert!(error(&[("SERVICE_HOOKS_DELIVERY__TIMEOUT", "0s")], "").contains("delivery.timeout"));
        assert!(error(&[("SERVICE_HOOKS_RETENTION__EVERY", "0s")], "").contains("retention.every"));
    }

    #[test]
    fn the_command_lines_own_variables_are_not_settings() {
        let variables = [("SERVICE_HOOKS_SERVER", "http://x"), ("SERVICE_HOOKS_TOKEN", "shk_x")];
        assert!(load(&variables, "").is_ok());
    }
}
