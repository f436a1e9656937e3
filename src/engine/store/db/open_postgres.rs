//! Opens a PostgreSQL database: the settings of its connections, and the check that rejects a
//! server that cannot commit durably.

use std::{str::FromStr, time::Duration};

use sqlx::{Postgres, pool::PoolOptions, postgres::PgConnectOptions};

use super::{Db, STATEMENT_CACHE, postgres::INDEX_PLANS};
use crate::engine::{
    clock::random_bytes,
    store::{
        error::Error,
        reach::{self, Reach},
    },
};

/// Session settings of every PostgreSQL connection.
///
/// - A node that stops inside a transaction would keep its locks and block the other nodes:
///   PostgreSQL ends such a transaction well before the node's lease expires.
/// - Fencing relies on READ COMMITTED: each statement must see all earlier commits.
/// - JIT compilation is off. PostgreSQL compiles a plan of high estimated cost at each execution,
///   and plan types disabled by [`INDEX_PLANS`] have a very high one: heartbeats of 1 ms took most
///   of a second of CPU time.
const SESSION: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("default_transaction_isolation", "read committed"),
    ("jit", "off"),
];

/// Size of the pool for lanes: two concurrent loads, plus the periodic queries.
const LANE_CONNECTIONS: u32 = 4;

pub(super) async fn open(url: &str) -> Result<Db, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Unfit("database_url: not a PostgreSQL URL".to_owned()))?
        .statement_cache_capacity(STATEMENT_CACHE)
        // Unique per process. Operators see which process a connection belongs to, and other nodes
        // see whether this node is still connected.
        .application_name(&format!("service-hooks {:016x}", u64::from_le_bytes(random_bytes())))
        .options(SESSION);
    // Not from the pool, which would retry a refused connection for 10 s and then report only a
    // timeout.
    let mut conn = reach::connect(&options).await?;
    for (setting, statement) in
        [("synchronous_commit", "SHOW synchronous_commit"), ("fsync", "SHOW fsync")]
    {
        let (value,): (String,) = sqlx::query_as(statement).fetch_one(&mut conn).await?;
        if value == "off" {
            let problem = format!(
                "PostgreSQL has {setting} = off and would lose acknowledged events; switch it on"
            );
            return Err(Error::Unfit(problem));
        }
    }
    let pool = PoolOptions::<Postgres>::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.clone());
    let lanes = PoolOptions::<Postgres>::new()
        .max_connections(LANE_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|conn, _| {
            Box::pin(async move { sqlx::raw_sql(INDEX_PLANS).execute(conn).await.map(drop) })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres { pool, lanes, reach: Reach::default() })
}
