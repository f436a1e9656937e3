//! The real binary, started and killed.

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use service_hooks::engine::config::Settings;

pub const PATH: &str = env!("CARGO_BIN_EXE_service-hooks");

/// A command with the environment of these settings and nothing from the machine's environment.
pub fn command(settings: &Settings, arguments: &[&str]) -> Command {
    let mut command = Command::new(PATH);
    command
        .args(arguments)
        .current_dir(&settings.data_dir)
        .env_clear()
        .env("SERVICE_HOOKS_DATABASE_URL", &settings.database_url)
        .env("SERVICE_HOOKS_DATA_DIR", &settings.data_dir)
        .env("SERVICE_HOOKS_LISTEN", settings.listen.to_string())
        .env("SERVICE_HOOKS_EGRESS__ALLOW_HTTP", "true")
        .env("SERVICE_HOOKS_EGRESS__ALLOW_CIDRS", r#"["127.0.0.0/8"]"#)
        .env(
            "SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE",
            r#"["50ms","50ms","50ms","1s","1s","1s","1s"]"#,
        )
        .env("SERVICE_HOOKS_RETENTION__EVERY", millis(settings.retention.every))
        .env("SERVICE_HOOKS_RETENTION__PAYLOADS", millis(settings.retention.payloads))
        .env("SERVICE_HOOKS_LIMITS__RESERVE_BYTES", settings.limits.reserve_bytes.to_string())
        .env("RUST_LOG", "warn")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(key) = &settings.master_key_file {
        command.env("SERVICE_HOOKS_MASTER_KEY_FILE", key);
    }
    command
}

fn millis(duration: std::time::Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run(settings: &Settings, arguments: &[&str], input: &str) -> Output {
    let mut child = command(settings, arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The standard output of a command that must succeed.
pub fn succeed(settings: &Settings, arguments: &[&str], input: &str) -> String {
    let output = run(settings, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A running `serve`, killed without warning when dropped.
pub struct Server(pub Child);

impl Server {
    pub fn start(settings: &Settings) -> Self {
        let mut command = command(settings, &["serve"]);
        // Nothing reads its log: a full pipe would block it.
        Self(command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// The same, with its log written to a file.
    pub fn start_logged(settings: &Settings, log: &Path) -> Self {
        let mut command = command(settings, &["serve"]);
        Self(command.stderr(File::create(log).unwrap()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success(), "kill -{name}: {sent}");
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _dead = self.0.kill();
        let _reaped = self.0.wait();
    }
}
