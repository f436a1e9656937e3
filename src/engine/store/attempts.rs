//! Attempts, as they were. Written once, never changed.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{
    delivery::{Answer, Attempt},
    id::DeliveryId,
    permission::Grant,
    time::Timestamp,
};

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    started_at: Timestamp,
    duration_ms: i64,
    class: String,
    status: Option<i64>,
    detail: Option<String>,
    url: String,
    response_headers: String,
    response_body: Vec<u8>,
    response_cut: bool,
}

pub(super) async fn insert(conn: &mut Conn, delivery: DeliveryId, attempt: &Attempt) -> Result<(), Error> {
    // Serialising pairs of strings cannot fail.
    let headers = serde_json::to_string(&attempt.response_headers).unwrap_or_default();
    on_db!(conn, c => sqlx::query(
        "INSERT INTO attempts (delivery_id, number, started_at, duration_ms, class, status, detail, url,
                               response_headers, response_body, response_cut)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    ).bind(delivery).bind(i64::from(attempt.number)).bind(attempt.started_at).bind(attempt.duration_ms)
     .bind(attempt.answer.class()).bind(attempt.answer.status().map(i64::from)).bind(&attempt.detail).bind(&attempt.url)
     .bind(headers).bind(attempt.response_body.as_bytes()).bind(attempt.response_cut).execute(c).await.map(drop))?;
    Ok(())
}

/// The attempts of one delivery, first to last.
pub async fn of(conn: &mut Conn, _by: &Grant, delivery: DeliveryId) -> Result<Vec<Attempt>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT number, started_at, duration_ms, class, status, detail, url, response_headers, response_body, response_cut
         FROM attempts WHERE delivery_id = $1 ORDER BY number",
    ).bind(delivery).fetch_all(c).await)?;
    rows.into_iter().map(Row::attempt).collect()
}

impl Row {
    fn attempt(self) -> Result<Attempt, Error> {
        let wrong = |column| Error::Inconsistent { table: "attempts", column };
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        Ok(Attempt {
            number: u32::try_from(self.number).map_err(|_| wrong("number"))?,
            started_at: self.started_at,
            duration_ms: self.duration_ms,
            answer: Answer::from_stored(&self.class, status).ok_or_else(|| wrong("class"))?,
            detail: self.detail,
            url: self.url,
            response_headers: serde_json::from_str(&self.response_headers).map_err(|_| wrong("response_headers"))?,
            response_body: String::from_utf8_lossy(&self.response_body).into_owned(),
            response_cut: self.response_cut,
        })
    }
}
