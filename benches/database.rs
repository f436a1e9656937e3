//! Creates a new database for each measured server, so that runs are independent.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, PgConnection};

use crate::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// A database for one run.
pub struct Database {
    pub url: String,
    /// For PostgreSQL: the URL of the server and the name of the database.
    on_server: Option<(String, String)>,
}

static CREATED: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// `server` is the URL from `scripts/with-postgres`; unused for SQLite.
    pub async fn create(kind: DatabaseKind, folder: &Path, server: &str) -> Outcome<Self> {
        if kind == DatabaseKind::Sqlite {
            return Ok(Self {
                url: format!("sqlite:{}", folder.join("bench.db").display()),
                on_server: None,
            });
        }
        let name =
            format!("bench_{}_{}", std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
        execute(server, format!("CREATE DATABASE {name}")).await?;
        let (base, _) = server.rsplit_once('/').ok_or("the URL of PostgreSQL has no database")?;
        Ok(Self { url: format!("{base}/{name}"), on_server: Some((server.to_owned(), name)) })
    }

    /// Drops a PostgreSQL database. An SQLite file is removed with its directory.
    pub async fn remove(self) -> Outcome {
        match self.on_server {
            None => Ok(()),
            Some((server, name)) => {
                execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
        }
    }
}

/// The version of PostgreSQL and its durability settings.
pub async fn describe_postgres(server: &str) -> Outcome<String> {
    let mut connection = PgConnection::connect(server).await?;
    let mut show = async |what: &'static str| {
        sqlx::query_as::<_, (String,)>(what).fetch_one(&mut connection).await.map(|(value,)| value)
    };
    let version = show("SHOW server_version").await?;
    let fsync = show("SHOW fsync").await?;
    let commit = show("SHOW synchronous_commit").await?;
    Ok(format!("PostgreSQL {version}, fsync={fsync}, synchronous_commit={commit}"))
}

async fn execute(server: &str, statement: String) -> Outcome {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}
