//! A separate PostgreSQL server that a test can kill.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A PostgreSQL server that is removed with the test.
pub struct OwnPostgres {
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

/// PostgreSQL refuses to run as root.
fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("Uid:\t0\t"))
}

impl OwnPostgres {
    pub fn start() -> Self {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .unwrap()
            .map(|entry| entry.unwrap().path().join("bin"))
            .collect();
        versions.retain(|bin| bin.join("initdb").exists());
        versions.sort();
        let bin = versions.pop().expect("scripts/with-postgres installs PostgreSQL");
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(
                Command::new("chown")
                    .arg("postgres")
                    .arg(folder.path())
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Self { folder, bin, port };
        own.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        own.start_again();
        own
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The deadlocks in its log.
    pub fn deadlocks(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.find("deadlock detected")
            .map(|at| log[at..].lines().take(12).collect())
            .unwrap_or_default()
    }

    pub fn start_again(&self) {
        let log = self.folder.path().join("log");
        // No socket file: its lock would outlive a killed server.
        let options =
            format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        self.run(
            "pg_ctl",
            &["-w", "-t", "60", "-l", log.to_str().unwrap(), "-o", &options, "start"],
        );
    }

    /// Immediate shutdown: it aborts its transactions, but closes its connections.
    pub fn stop_at_once(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    /// It stops responding, and closes no connection.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// The postmaster first, so that it cannot start new children.
    fn signal(&self, signal: &str) {
        // Some may have ended in the meantime.
        let _some_gone = Command::new("kill")
            .arg(signal)
            .args(self.pids())
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }

    /// The process ids of the postmaster and its children.
    fn pids(&self) -> Vec<String> {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap().to_owned();
        let mut pids = children_of(&postmaster);
        pids.insert(0, postmaster);
        pids
    }

    /// `kill -9` of the postmaster and its children.
    pub fn kill(&self) {
        let pids = self.pids();
        // Some may have ended in the meantime.
        let _some_gone =
            Command::new("kill").arg("-9").args(&pids).stderr(Stdio::null()).status().unwrap();
        // The shared memory is released when all of them have ended.
        while pids.iter().any(|pid| is_running(pid)) {
            std::thread::yield_now();
        }
        // It names a process that its parent may not have reaped yet: the next start would consider
        // it alive.
        fs::remove_file(self.folder.path().join("data/postmaster.pid")).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.bin.join(program);
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(&path) };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&path);
        }
        let data = self.folder.path().join("data");
        command
            .arg("-D")
            .arg(data)
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().unwrap();
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{program}: {status}: {log}");
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.kill();
        }
    }
}

/// The fields of `/proc/PID/stat` after the name: state, parent, ...
fn stat(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn is_running(pid: &str) -> bool {
    stat(pid).is_some_and(|stat| stat[0] != "Z")
}

fn children_of(parent: &str) -> Vec<String> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    pids.filter(|pid| stat(pid).is_some_and(|stat| stat[1] == parent)).collect()
}
