//! Settings. Precedence: defaults < `service-hooks.toml` < environment < command line flags. Only
//! this module reads the environment. An unknown key or `SERVICE_HOOKS_` variable is an error, so
//! that a typo cannot silently select the default. One file for each section; `spelling` parses
//! values.

mod delivery;
mod egress;
mod environment;
mod error;
mod hosts;
mod limits;
pub mod log;
mod metrics;
mod retention;
mod spelling;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::{
    Figment, Profile,
    providers::{Format, Serialized, Toml},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use delivery::Delivery;
pub use egress::Egress;
pub use environment::PREFIX;
pub use error::SettingsError;
pub use limits::Limits;
pub use log::Log;
pub use metrics::Metrics;
pub use retention::Retention;
pub use spelling::listen_address;

pub const FILE: &str = "service-hooks.toml";

/// All settings of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:data/service-hooks.db` or `postgres://...`; empty means SQLite in the data
    /// directory.
    pub database_url: String,
    /// The address that the portal and the API listen on.
    #[serde(with = "spelling::address")]
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// The origin that browsers use for the portal. It decides the session cookie's name and its
    /// `Secure` attribute. Empty means `http://LISTEN`.
    pub public_url: String,
    /// Further host names that the portal accepts, in addition to that of the public URL.
    #[serde(with = "spelling::texts")]
    pub hosts: Vec<String>,
    /// Reverse proxies whose `X-Forwarded-For` is trusted. From other clients the header is
    /// ignored.
    #[serde(with = "spelling::ranges")]
    pub trusted_proxies: Vec<IpNet>,
    /// A file with at least 32 bytes, from which the key for stored secrets is derived. If unset
    /// with SQLite, a key file is created in the data directory.
    pub master_key_file: Option<PathBuf>,
    pub egress: Egress,
    pub delivery: Delivery,
    pub limits: Limits,
    pub retention: Retention,
    pub log: Log,
    pub metrics: Metrics,
    /// Time limit for a shutdown. Requests and attempts that take longer are cancelled; the
    /// attempts are repeated after the next start.
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
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            master_key_file: None,
            egress: Egress::default(),
            delivery: Delivery::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            // Supervisors usually wait this long before they kill the process.
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// Reads the settings file, if there is one, and the environment.
    pub fn load() -> Result<Self, SettingsError> {
        Self::load_from(Path::new(FILE))
    }

    fn load_from(file: &Path) -> Result<Self, SettingsError> {
        environment::merge(
            Figment::from(Serialized::defaults(Self::default())).merge(Toml::file(file)),
        )
        .select(Profile::Default)
        .extract::<Self>()
        .map_err(SettingsError::from)?
        .validated()
    }

    /// Validates the values and brings them into their normal form.
    fn validated(mut self) -> Result<Self, SettingsError> {
        self.public_url = spelling::public_url(&self.public_url).map_err(SettingsError)?;
        self.hosts = hosts::validated(self.hosts).map_err(SettingsError)?;
        self.master_key_file = self.master_key_file.filter(|path| !path.as_os_str().is_empty());
        self.delivery.validate().map_err(SettingsError)?;
        self.retention.validate().map_err(SettingsError)?;
        let url = self.database_url();
        if !url.starts_with("sqlite:")
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            let problem =
                "database_url: expected sqlite:PATH or postgres://USER@HOST/NAME".to_owned();
            return Err(SettingsError(problem));
        }
        Ok(self)
    }

    /// Whether requests with this `Host` header are accepted. See [`hosts::is_known`].
    pub fn answers_to(&self, host: &str) -> bool {
        hosts::is_known(host, &self.public_url, &self.hosts)
    }

    /// Whether the operator configured the location of the data. If not, it is the directory `data`
    /// in the current working directory.
    pub fn has_data_location(&self) -> bool {
        !self.database_url.is_empty() || self.data_dir != Self::default().data_dir
    }

    /// The effective database URL: the configured one, or SQLite in the data directory.
    pub fn database_url(&self) -> String {
        if self.database_url.is_empty() {
            format!("sqlite:{}", self.data_dir.join("service-hooks.db").display())
        } else {
            self.database_url.clone()
        }
    }

    /// The effective origin of the portal.
    pub fn public_url(&self) -> String {
        if self.public_url.is_empty() {
            format!("http://{}", self.listen)
        } else {
            self.public_url.clone()
        }
    }
}

/// A variable for the command line, which talks to a running server and reads no settings file.
/// `name` is without the prefix. Empty means unset.
pub fn client_variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of the environment")]
    std::env::var(format!("{PREFIX}{name}")).ok().filter(|value| !value.is_empty())
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
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file = "listen = \"127.0.0.1:1\"\n[delivery]\ntimeout = \"3s\"\n";
        let settings = load(&[("SERVICE_HOOKS_LISTEN", "127.0.0.1:2")], file).unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.delivery.timeout.as_secs(), 3);
        assert_eq!(settings.database_url(), "sqlite:data/service-hooks.db");
    }

    #[test]
    fn nested_variables_accept_lists_and_durations() {
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
    fn sizes_are_numbers_or_have_a_unit() {
        let file = "[limits]\nqueued_bytes = 1000\nreserve_bytes = \"1 KiB\"\n";
        let variables = [
            ("SERVICE_HOOKS_LIMITS__HOOK_BYTES", "8GiB"),
            ("SERVICE_HOOKS_DELIVERY__MEMORY_BYTES", "64 MiB"),
            ("SERVICE_HOOKS_DELIVERY__LANE_WINDOW_BYTES", "4000000"),
        ];
        let settings = load(&variables, file).unwrap();
        let (limits, delivery) = (settings.limits, settings.delivery);
        assert_eq!((limits.queued_bytes, limits.reserve_bytes), (1000, 1024));
        assert_eq!(limits.hook_bytes(), 8 << 30);
        assert_eq!((delivery.memory_bytes, delivery.lane_window_bytes), (64 << 20, 4_000_000));
        for invalid in ["much", "-1", "64 parsecs"] {
            let problem =
                load(&[("SERVICE_HOOKS_LIMITS__RESERVE_BYTES", invalid)], "").unwrap_err();
            assert!(problem.contains("expected a size, such as 64 MiB"), "{problem}");
        }
    }

    #[test]
    fn an_unknown_or_malformed_setting_is_named() {
        let error = |variables: &[(&str, &str)], file: &str| load(variables, file).unwrap_err();
        assert!(
            error(&[("SERVICE_HOOKS_LISTN", "x")], "")
                .contains("SERVICE_HOOKS_LISTN is not a setting")
        );
        let nested = error(&[("SERVICE_HOOKS_EGRESS__ALLOW_HTPP", "true")], "");
        assert!(nested.contains("SERVICE_HOOKS_EGRESS__ALLOW_HTPP"), "{nested}");
        assert!(error(&[], "[egress]\nalow = 1\n").contains("egress.alow is not a setting"));
        let cidr = error(&[("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", r#"["10.0.0.0/33"]"#)], "");
        assert!(cidr.contains("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS"), "{cidr}");
        assert!(error(&[("SERVICE_HOOKS_DATABASE_URL", "mysql://x")], "").contains("database_url"));
        assert!(
            error(&[("SERVICE_HOOKS_DELIVERY__TIMEOUT", "0s")], "").contains("delivery.timeout")
        );
        assert!(error(&[("SERVICE_HOOKS_RETENTION__EVERY", "0s")], "").contains("retention.every"));
    }

    #[test]
    fn kubernetes_service_variables_and_empty_variables_are_ignored() {
        let variables = [
            ("SERVICE_HOOKS_PORT", "tcp://10.96.0.12:3000"),
            ("SERVICE_HOOKS_PORT_3000_TCP", "tcp://10.96.0.12:3000"),
            ("SERVICE_HOOKS_PORT_3000_TCP_PROTO", "tcp"),
            ("SERVICE_HOOKS_PORT_3000_TCP_PORT", "3000"),
            ("SERVICE_HOOKS_PORT_3000_TCP_ADDR", "10.96.0.12"),
            ("SERVICE_HOOKS_SERVICE_HOST", "10.96.0.12"),
            ("SERVICE_HOOKS_SERVICE_PORT", "3000"),
            ("SERVICE_HOOKS_SERVICE_PORT_HTTP", "3000"),
            ("SERVICE_HOOKS_LISTEN", ""),
            ("SERVICE_HOOKS_PUBLIC_URL", " "),
            ("SERVICE_HOOKS_MASTER_KEY_FILE", ""),
            ("SERVICE_HOOKS_EGRESS__ALLOW_HTTP", ""),
            ("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", ""),
            ("SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE", ""),
        ];
        let (settings, default) = (load(&variables, "").unwrap(), Settings::default());
        assert_eq!(format!("{settings:?}"), format!("{default:?}"));
        let error = load(&[("SERVICE_HOOKS_PORT", "8080")], "").unwrap_err();
        assert!(
            error.contains("SERVICE_HOOKS_PORT is not a setting")
                && error.contains("SERVICE_HOOKS_LISTEN="),
            "{error}"
        );
    }

    #[test]
    fn common_spellings_of_values_are_accepted() {
        for cidrs in [
            "10.0.0.0/8, fd00::/8",
            r#"["10.0.0.0/8", "fd00::/8"]"#,
            "[10.0.0.0/8,fd00::/8]",
            "['10.0.0.0/8','fd00::/8']",
        ] {
            let settings = load(&[("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", cidrs)], "").unwrap();
            let ranges: Vec<_> =
                settings.egress.allow_cidrs.iter().map(ToString::to_string).collect();
            assert_eq!(ranges, ["10.0.0.0/8", "fd00::/8"], "{cidrs}");
        }
        let settings = load(
            &[
                ("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", "10.1.2.3"),
                ("SERVICE_HOOKS_DATA_DIR", "2024"),
                ("SERVICE_HOOKS_MASTER_KEY_FILE", "007"),
                ("SERVICE_HOOKS_LISTEN", "localhost:3999"),
                ("SERVICE_HOOKS_PUBLIC_URL", "HTTPS://Hooks.Example.com/"),
                ("SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE", "5s,30s"),
            ],
            "",
        )
        .unwrap();
        assert_eq!(settings.egress.allow_cidrs[0].to_string(), "10.1.2.3/32");
        assert_eq!(settings.data_dir, PathBuf::from("2024"));
        assert_eq!(settings.master_key_file, Some(PathBuf::from("007")));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:3999");
        assert_eq!(settings.public_url(), "https://hooks.example.com");
        assert_eq!(settings.delivery.retry_schedule.len(), 2);
        let settings =
            load(&[], "listen = \"localhost:1\"\n[egress]\nallow_cidrs = [\"10.0.0.0/8\"]\n")
                .unwrap();
        assert_eq!((settings.listen.port(), settings.egress.allow_cidrs.len()), (1, 1));
    }

    #[test]
    fn an_invalid_value_is_refused_with_an_example() {
        let rows = [
            ("SERVICE_HOOKS_LISTEN", "3000", "127.0.0.1:3000"),
            ("SERVICE_HOOKS_PUBLIC_URL", "hooks.example.com", "https://hooks.example.com"),
            ("SERVICE_HOOKS_PUBLIC_URL", "https://example.com/hooks", "https://hooks.example.com"),
            ("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", "10.0.0.0/33", "10.0.0.0/8"),
            ("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", "10", "such as"),
            ("SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE", "5 apples", "5s,30s"),
        ];
        for (name, value, example) in rows {
            let error = load(&[(name, value)], "").unwrap_err();
            let is_named = error.contains(name) || error.contains("public_url");
            assert!(is_named && error.contains(example), "{name}={value}: {error}");
        }
    }

    #[test]
    fn variables_of_the_command_line_are_not_settings() {
        let variables = [("SERVICE_HOOKS_SERVER", "http://x"), ("SERVICE_HOOKS_TOKEN", "shk_x")];
        assert!(load(&variables, "").is_ok());
    }
}
