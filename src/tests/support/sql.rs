//! Statements of a test's own, past everything that the store takes care of.

use sqlx::{Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

/// Carries out statements that only a test would, past everything that the store takes care of.
pub async fn execute(url: &str, statements: &str) -> Result<(), sqlx::Error> {
    let text = sqlx::AssertSqlSafe(statements.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(text).execute(&mut connection).await?;
        connection.close().await
    } else {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(text).execute(&mut connection).await?;
        connection.close().await
    }
}

/// What a test's own questions begin with: they may go through all of a table.
pub const ASKED_BY_A_TEST: &str = "/* asked by a test */ ";

/// The one number that a question gives.
pub async fn number(url: &str, question: &str) -> Result<i64, sqlx::Error> {
    let text = sqlx::AssertSqlSafe(format!("{ASKED_BY_A_TEST}{question}"));
    let (number,): (i64,) = if url.starts_with("sqlite:") {
        sqlx::query_as(text).fetch_one(&mut SqliteConnection::connect(url).await?).await?
    } else {
        sqlx::query_as(text).fetch_one(&mut PgConnection::connect(url).await?).await?
    };
    Ok(number)
}

/// An id as a statement spells it, and an empty body.
pub fn literal(url: &str, id: Uuid) -> String {
    if url.starts_with("sqlite:") { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
}

pub fn no_body(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { "x''" } else { "''" }
}
