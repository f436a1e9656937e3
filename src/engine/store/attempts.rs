//! The table `attempts`: one immutable row per delivery attempt, inserted together with its outcome
//! and removed only by retention. [`outcomes`](super::outcomes) inserts those that affect a hook's
//! health; the bulk write of [`commit`](super::commit) inserts the other successes.

use super::{
    db::{Conn, chunks, on_db},
    error::Error,
};
use crate::{
    domain::{
        delivery::{Answer, Attempt, Timing},
        id::DeliveryId,
        permission::{Grant, Implies, right},
        time::Timestamp,
    },
    engine::store::rows::{AttemptRow, columns},
};

/// A row as it is stored. The `*_us` columns are durations of the request's phases in microseconds.
#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    started_at: Timestamp,
    duration_ms: i64,
    /// `class` and `status` together are an [`Answer`].
    class: String,
    status: Option<i64>,
    detail: Option<String>,
    url: String,
    /// JSON: a list of name and value pairs.
    response_headers: String,
    response_body: Vec<u8>,
    response_cut: bool,
    dns_us: Option<i64>,
    connect_us: Option<i64>,
    tls_us: Option<i64>,
    first_byte_us: Option<i64>,
    body_us: Option<i64>,
    address: Option<String>,
}

/// Inserts the attempts of many deliveries. Fails with [`Error::Exists`] if one was recorded
/// before.
pub(super) async fn insert(conn: &mut Conn, rows: &[AttemptRow<'_>]) -> Result<(), Error> {
    for chunk in chunks(rows) {
        on_db!(conn, c: Engine => {
            let mut insert =
                sqlx::QueryBuilder::<Engine>::new(concat!("INSERT INTO attempts (",
                    columns!(attempts), ") "));
            insert.push_values(chunk, |mut values, row| {
                values.push_bind(row.delivery).push_bind(row.number).push_bind(row.started_at)
                    .push_bind(row.duration_ms).push_bind(row.class).push_bind(row.status)
                        .push_bind(row.detail)
                    .push_bind(row.url).push_bind(row.response_headers.as_str())
                        .push_bind(row.response_body)
                    .push_bind(row.response_cut).push_bind(row.dns_us).push_bind(row.connect_us)
                    .push_bind(row.tls_us).push_bind(row.first_byte_us).push_bind(row.body_us)
                    .push_bind(row.address);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// The attempts of one delivery, oldest first.
pub async fn of(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT number, started_at, duration_ms, class, status, detail, url, response_headers, \
         response_body, response_cut,
                dns_us, connect_us, tls_us, first_byte_us, body_us, address
         FROM attempts WHERE delivery_id = $1 ORDER BY number",
    ).bind(delivery).fetch_all(c).await)?;
    rows.into_iter().map(Row::attempt).collect()
}

impl Row {
    /// Fails with [`Error::Inconsistent`] if a column holds a value that this program never writes.
    fn attempt(self) -> Result<Attempt, Error> {
        let inconsistent = |column| Error::Inconsistent { table: "attempts", column };
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        Ok(Attempt {
            number: u32::try_from(self.number).map_err(|_| inconsistent("number"))?,
            started_at: self.started_at,
            duration_ms: self.duration_ms,
            answer: Answer::from_stored(&self.class, status)
                .ok_or_else(|| inconsistent("class"))?,
            detail: self.detail,
            url: self.url,
            response_headers: serde_json::from_str(&self.response_headers)
                .map_err(|_| inconsistent("response_headers"))?,
            response_body: String::from_utf8_lossy(&self.response_body).into_owned(),
            response_cut: self.response_cut,
            timing: Timing {
                dns: self.dns_us,
                connect: self.connect_us,
                tls: self.tls_us,
                first_byte: self.first_byte_us,
                body: self.body_us,
            },
            address: self.address,
        })
    }
}
