//! A fresh database for each server that is measured, so that no run inherits what another left.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, PgConnection};

use crate::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// See the module.
pub struct Database {
    pub url: String,
    /// The server it is on and its name there, for PostgreSQL.
    on_server: Option<(String, String)>,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// `server` is where `scripts/with-postgres` says its server is.
    pub async fn make(kind: Kind, folder: &Path, server: &str) -> Outcome<Self> {
        if kind == Kind::Sqlite {
            return Ok(Self {
                url: format!("sqlite:{}", folder.join("bench.db").display()),
                on_server: None,
            });
        }
        let name = format!("bench_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        execute(server, format!("CREATE DATABASE {name}")).await?;
        let (base, _) = server.rsplit_once('/').ok_or("the URL of PostgreSQL has no database")?;
        Ok(Self { url: format!("{base}/{name}"), on_server: Some((server.to_owned(), name)) })
    }

    /// SQLite's goes with its folder.
    pub async fn remove(self) -> Outcome {
        match self.on_server {
            None => Ok(()),
            Some((server, name)) => {
                execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
        }
    }
}

/// What PostgreSQL says of itself, and whether it would keep what it commits.
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
