//! Connecting to PostgreSQL, with errors that name the reason. The pool retries a refused
//! connection until its timeout and then reports only the timeout. But a person needs the reason,
//! and a producer needs its 503 soon. So a caller that waits for the pool learns within two seconds
//! why there is no connection.

use std::{io, pin::pin, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, Pool, Postgres, pool::PoolConnection,
    postgres::PgConnectOptions,
};
use tokio::sync::Mutex;

use super::error::Error;
use crate::engine::clock::{Clock, Stopwatch};

/// Timeout for one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1750);
/// A pool with a free connection hands it out well within this time. After it, the reason is looked
/// into.
const POOL_WAIT: Duration = Duration::from_millis(200);
/// For how long one diagnosis is reused for other callers.
const DIAGNOSIS_TTL: Duration = Duration::from_millis(500);

/// SQLSTATE `too_many_connections`.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// When a connection outside the pool was last tried, and why it failed, if it did.
type Diagnosis = (Stopwatch, Option<Error>);

/// The last diagnosis, shared by all clones.
#[derive(Clone, Default)]
pub struct Reach(Arc<Mutex<Option<Diagnosis>>>);

impl Reach {
    /// A connection from the pool, or the reason why there is none.
    pub(super) async fn acquire(
        &self,
        pool: &Pool<Postgres>,
    ) -> Result<PoolConnection<Postgres>, Error> {
        let options = pool.connect_options();
        let explained = |acquired: Result<_, sqlx::Error>| {
            acquired.map_err(|error| unavailable(&options, &error))
        };
        let mut acquiring = pin!(pool.acquire());
        if let Ok(acquired) = tokio::time::timeout(POOL_WAIT, &mut acquiring).await {
            return explained(acquired);
        }
        tokio::select! {
            biased;
            acquired = &mut acquiring => explained(acquired),
            Some(error) = self.diagnose(&options) => Err(error),
        }
    }

    /// Tries one connection outside the pool, on behalf of all waiting callers. `None`: the server
    /// answers, so the pool is merely busy.
    async fn diagnose(&self, options: &PgConnectOptions) -> Option<Error> {
        let mut last = self.0.lock().await;
        if let Some((at, failure)) = &*last
            && at.elapsed() < DIAGNOSIS_TTL
        {
            return failure.clone();
        }
        let failure = match try_connect(options).await {
            Ok(conn) => {
                // Only the result mattered. A server that does not read the shutdown message will
                // notice the closed socket.
                let _closed = tokio::time::timeout(CONNECT_TIMEOUT, conn.close()).await;
                None
            }
            // The server has no free slot, but connections of the pool will become free.
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(TOO_MANY_CONNECTIONS) =>
            {
                None
            }
            Err(error) => Some(unavailable(options, &error)),
        };
        *last = Some((Clock::System.stopwatch(), failure.clone()));
        failure
    }
}

/// A connection outside the pool, or the reason why there is none.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    try_connect(options).await.map_err(|error| unavailable(options, &error))
}

async fn try_connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let timed_out = |_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(timed_out)
}

fn unavailable(options: &PgConnectOptions, error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolClosed => Error::Closed,
        sqlx::Error::PoolTimedOut => {
            no_connection(options, "every connection of this server is in use")
        }
        sqlx::Error::Io(error) => no_connection(options, &io_reason(error)),
        sqlx::Error::Database(error) => no_connection(options, error.message()),
        error => no_connection(options, &error.to_string()),
    }
}

fn no_connection(options: &PgConnectOptions, reason: &str) -> Error {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Error::Unreachable(format!("Can't connect to PostgreSQL at {place}: {reason}").into())
}

/// Common reasons in plain words, without the error number of the operating system.
fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_reason_names_the_server_and_never_the_password() {
        let options = PgConnectOptions::from_str("postgres://hooks:CANARY@db:5432/hooks").unwrap();
        let refused = sqlx::Error::Io(io::ErrorKind::ConnectionRefused.into());
        let refused_message = unavailable(&options, &refused).to_string();
        assert_eq!(refused_message, "Can't connect to PostgreSQL at db:5432: connection refused");
        let timed_out =
            unavailable(&options, &sqlx::Error::Io(io::ErrorKind::TimedOut.into())).to_string();
        assert_eq!(timed_out, "Can't connect to PostgreSQL at db:5432: no answer");
        let busy = unavailable(&options, &sqlx::Error::PoolTimedOut).to_string();
        assert_eq!(
            busy,
            "Can't connect to PostgreSQL at db:5432: every connection of this server is in use"
        );
    }
}
