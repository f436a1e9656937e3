//! Records the results of attempts inside the writer's transaction: all at once if that succeeds,
//! else one by one, so that a row that violates a rule fails alone.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use super::Finishing;
use crate::engine::store::{
    db::Conn,
    error::Error,
    finished::{Finished, Recorded},
    outcomes,
};

/// Turns a panic in `work` into an error. The panic hook has already logged it.
pub(super) async fn catch_panic<T>(
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Panicked))
}

/// Fast path: records and commits all attempts at once, without a savepoint.
pub(super) async fn record_and_commit(
    conn: &mut Conn,
    finished: &[Finishing],
) -> Result<Vec<Result<Recorded, Error>>, Error> {
    let items: Vec<&Finished> = finished.iter().map(|waiting| &waiting.item).collect();
    let recorded = outcomes::record_all(conn, &items).await?;
    conn.control("COMMIT").await?;
    Ok(recorded.into_iter().map(Ok).collect())
}

/// Records all attempts at once, or one by one if that fails. The outer error fails the whole
/// commit; the inner ones only their attempts.
pub(super) async fn record(
    conn: &mut Conn,
    finished: &[Finishing],
) -> Result<Vec<Result<Recorded, Error>>, Error> {
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<&Finished> = finished.iter().map(|waiting| &waiting.item).collect();
    match record_under_savepoint(conn, &all).await? {
        Ok(recorded) => return Ok(recorded.into_iter().map(Ok).collect()),
        Err(error) if all.len() == 1 => return Ok(vec![Err(error)]),
        Err(_) => {}
    }
    let mut answers = Vec::with_capacity(all.len());
    for item in all {
        let recorded = record_under_savepoint(conn, &[item]).await?;
        answers.push(recorded.and_then(|mut recorded| recorded.pop().ok_or(Error::Closed)));
    }
    Ok(answers)
}

/// Records attempts and rolls back if that fails. The outer error fails the whole commit; the inner
/// one only these attempts.
async fn record_under_savepoint(
    conn: &mut Conn,
    items: &[&Finished],
) -> Result<Result<Vec<Recorded>, Error>, Error> {
    conn.control("SAVEPOINT bulk").await?;
    let notices_before = conn.notice_count();
    let recorded = catch_panic(outcomes::record_all(conn, items)).await;
    if recorded.is_err() {
        conn.control("ROLLBACK TO SAVEPOINT bulk").await?;
        conn.truncate_notices(notices_before);
    }
    conn.control("RELEASE SAVEPOINT bulk").await?;
    Ok(recorded)
}
