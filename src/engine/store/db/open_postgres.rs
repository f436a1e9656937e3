//! Opening a PostgreSQL: the settings of its connections, and which servers are refused.

use std::{str::FromStr, time::Duration};

use sqlx::{Postgres, pool::PoolOptions, postgres::PgConnectOptions};

use super::{Db, STATEMENTS, postgres::BY_INDEX};
use crate::engine::{
    clock::random_bytes,
    store::{
        error::Error,
        reach::{self, Reach},
    },
};

/// What every PostgreSQL connection asks for. A server that sleeps inside a transaction keeps its
/// locks, and others wait for them: PostgreSQL ends such a transaction well before a lane's lease
/// does. And the fences rely on every statement seeing what was committed before it.
///
/// No statement here is worth compiling. PostgreSQL compiles what it believes to be expensive, anew
/// at each execution, and what [`BY_INDEX`] forbids counts as expensive: a heartbeat of a
/// millisecond took most of a second of processor time.
const SESSION: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("default_transaction_isolation", "read committed"),
    ("jit", "off"),
];

/// Connections for the lanes: loads go two at a time, and there are looks beside them.
const FOR_LANES: u32 = 4;

pub(super) async fn open(url: &str) -> Result<Db, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Unfit("database_url: not a PostgreSQL URL".to_owned()))?
        .statement_cache_capacity(STATEMENTS)
        // A name of this process's own: operators see whose a connection is, and other nodes
        // whether it has any left.
        .application_name(&format!("service-hooks {:016x}", u64::from_le_bytes(random_bytes())))
        .options(SESSION);
    // Apart from the pool: that would retry a refused connection for ten seconds and then not know
    // why.
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
        .max_connections(FOR_LANES)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|conn, _| {
            Box::pin(async move { sqlx::raw_sql(BY_INDEX).execute(conn).await.map(drop) })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres { pool, lanes, reach: Reach::default() })
}
