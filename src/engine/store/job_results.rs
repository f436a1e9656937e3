//! Counts what became of the deliveries that a job redelivered. Each state is counted up to a
//! limit, from an index that contains only redelivered deliveries.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{
    delivery::State,
    job::Job,
    job_results::JobResults,
    permission::{Grant, Implies, right},
    words::MANY,
};

pub async fn of(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    job: &Job,
) -> Result<JobResults, Error> {
    let rows: Vec<(String, bool, i64)> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "SELECT state, is_off, COUNT(*) FROM (",
        );
        for (number, state) in State::ALL.iter().enumerate() {
            query.push(if number == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            // Why a delivery is held is decided by the switch of its hook now. Its stored reason is
            // of the time when it was put away.
            query.push(if *state == State::Held {
                "SELECT d.state, CASE WHEN h.enabled THEN FALSE ELSE TRUE END AS is_off FROM \
                 deliveries d JOIN hooks h ON h.id = d.hook_id WHERE d.job_id = "
            } else {
                "SELECT d.state, FALSE AS is_off FROM deliveries d WHERE d.job_id = "
            });
            query.push_bind(job.id).push(" AND d.state = ").push_bind(state.key());
            query.push(" LIMIT ").push_bind(MANY + 1).push(") AS w").push(number);
        }
        query.push(") AS counted GROUP BY state, is_off").build_query_as().fetch_all(c).await
    })?;
    let mut results = JobResults::default();
    for (state, is_off, count) in rows {
        if let Some(state) = State::from_key(&state) {
            results.add(state, is_off, count);
        }
    }
    Ok(results.of(job))
}
