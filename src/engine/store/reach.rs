//! Connecting to PostgreSQL. The pool retries a refused connection until its time-out and then says
//! only that it timed out; a person needs the reason, and a producer needs its 503 soon. So
//! connections have a deadline of their own here, and a caller that waits for the pool learns
//! within two seconds why none comes.

use std::{io, pin::pin, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, Pool, Postgres, pool::PoolConnection,
    postgres::PgConnectOptions,
};
use tokio::sync::Mutex;

use super::error::Error;
use crate::engine::clock::{Clock, Stopwatch};

/// The longest that one connection may take to be made.
const DEADLINE: Duration = Duration::from_millis(1750);
/// A pool that has a free connection hands it out well within this.
const PROMPT: Duration = Duration::from_millis(200);
/// For how long the answer of one connection attempt also holds for other callers.
const FRESH: Duration = Duration::from_millis(500);

/// PostgreSQL's code for "too many clients".
const TOO_MANY: &str = "53300";

/// When a connection attempt beside the pool ended, and why it failed, if it did.
type Attempt = (Stopwatch, Option<Error>);

/// What the last attempt found. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Reach(Arc<Mutex<Option<Attempt>>>);

impl Reach {
    /// A connection of the pool, or the reason why there is none.
    pub(super) async fn acquire(
        &self,
        pool: &Pool<Postgres>,
    ) -> Result<PoolConnection<Postgres>, Error> {
        let options = pool.connect_options();
        let explained =
            |acquired: Result<_, sqlx::Error>| acquired.map_err(|error| away(&options, &error));
        let mut acquiring = pin!(pool.acquire());
        if let Ok(acquired) = tokio::time::timeout(PROMPT, &mut acquiring).await {
            return explained(acquired);
        }
        tokio::select! {
            biased;
            acquired = &mut acquiring => explained(acquired),
            Some(error) = self.why_none(&options) => Err(error),
        }
    }

    /// Tries one connection, for every caller that waits. `None`: the server answers, so the pool
    /// is merely busy.
    async fn why_none(&self, options: &PgConnectOptions) -> Option<Error> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = match attempt(options).await {
            Ok(conn) => {
                // It has served its purpose. A server that does not read the shutdown message
                // notices by itself.
                let _closed = tokio::time::timeout(DEADLINE, conn.close()).await;
                None
            }
            // It has no place for another connection, and those of the pool will be free again.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TOO_MANY) => None,
            Err(error) => Some(away(options, &error)),
        };
        *last = Some((Clock::System.stopwatch(), answer.clone()));
        answer
    }
}

/// A connection outside of the pool, or the reason why there is none.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    attempt(options).await.map_err(|error| away(options, &error))
}

async fn attempt(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let silent = |_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(DEADLINE, options.connect()).await.unwrap_or_else(silent)
}

fn away(options: &PgConnectOptions, error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolClosed => Error::Closed,
        sqlx::Error::PoolTimedOut => {
            no_connection(options, "every connection of this server is in use")
        }
        sqlx::Error::Io(error) => no_connection(options, &in_words(error)),
        sqlx::Error::Database(error) => no_connection(options, error.message()),
        error => no_connection(options, &error.to_string()),
    }
}

fn no_connection(options: &PgConnectOptions, reason: &str) -> Error {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Error::Away(format!("Can't connect to PostgreSQL at {place}: {reason}").into())
}

/// The usual reasons without the number that the operating system gives them.
fn in_words(error: &io::Error) -> String {
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
        let said = away(&options, &refused).to_string();
        assert_eq!(said, "Can't connect to PostgreSQL at db:5432: connection refused");
        let silent = away(&options, &sqlx::Error::Io(io::ErrorKind::TimedOut.into())).to_string();
        assert_eq!(silent, "Can't connect to PostgreSQL at db:5432: no answer");
        let busy = away(&options, &sqlx::Error::PoolTimedOut).to_string();
        assert_eq!(
            busy,
            "Can't connect to PostgreSQL at db:5432: every connection of this server is in use"
        );
    }
}
