//! A fresh database for each test.

use std::{path::PathBuf, sync::Arc};

use data_encoding::HEXLOWER;
use futures::future::BoxFuture;
use service_hooks::{
    engine::{
        clock::{Clock, random_bytes},
        config::Settings,
        delivery::resolver::{Lookup, LookupAnswer, LookupError},
        dispatcher::Config,
        store::Store,
    },
    portal::store::EXPIRING,
};
use sqlx::Connection;

/// Resolves no name: tests must not depend on name servers or connect to other machines.
pub struct NoNames;

impl Lookup for NoNames {
    fn lookup<'a>(
        &'a self,
        _: &'a str,
        _: bool,
    ) -> BoxFuture<'a, Result<LookupAnswer, LookupError>> {
        Box::pin(async { Err(LookupError::NotFound) })
    }
}

/// A configuration of the engine that sends nothing to other machines.
pub fn config(settings: Settings) -> Config {
    Config { lookup: Some(Arc::new(NoNames)), expiring: EXPIRING, ..Config::new(settings) }
}

/// A test's own database, and the folder with its master key.
pub struct TestDb {
    url: String,
    pub folder: tempfile::TempDir,
}

impl TestDb {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self { url, folder }
    }

    pub async fn postgres() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where scripts/with-postgres says its server is"
        )]
        let server = std::env::var("SERVICE_HOOKS_TEST_POSTGRES")
            .expect("run the tests with `make test`, or under scripts/with-postgres");
        Self::on(&server).await
    }

    /// On a PostgreSQL server; `server` is the URL of any of its databases.
    pub async fn on(server: &str) -> Self {
        let name = format!("test_{}", HEXLOWER.encode(&random_bytes::<8>()));
        let mut admin = sqlx::PgConnection::connect(server).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("master.key"), "a key that is long enough for a test")
            .unwrap();
        Self { url: format!("{base}/{name}"), folder }
    }

    /// Settings that use this database, allow loopback, and retry soon.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings {
            database_url: self.url.clone(),
            data_dir: PathBuf::from(self.folder.path()),
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Settings::default()
        };
        if self.url.starts_with("postgres") {
            settings.master_key_file = Some(self.folder.path().join("master.key"));
        }
        settings.egress.allow_http = true;
        settings.limits.reserve_bytes = 64 * 1024;
        settings.egress.allow_cidrs = vec!["127.0.0.0/8".parse().unwrap()];
        settings.delivery.retry_schedule =
            [30, 30, 30].map(std::time::Duration::from_millis).to_vec();
        settings
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.settings()).await.unwrap()
    }

    pub fn clock(&self) -> Clock {
        Clock::System
    }
}
