//! Statements of a test's own, past everything that the store takes care of.

use sqlx::{Connection, PgConnection, SqliteConnection, postgres::PgRow, sqlite::SqliteRow};
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
    one(url, question).await
}

/// The one text that a question gives.
pub async fn text(url: &str, question: &str) -> Result<String, sqlx::Error> {
    one(url, question).await
}

async fn one<T>(url: &str, question: &str) -> Result<T, sqlx::Error>
where
    T: Send + Unpin,
    (T,): for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
{
    let text = sqlx::AssertSqlSafe(format!("{ASKED_BY_A_TEST}{question}"));
    let (found,): (T,) = if url.starts_with("sqlite:") {
        sqlx::query_as(text).fetch_one(&mut SqliteConnection::connect(url).await?).await?
    } else {
        sqlx::query_as(text).fetch_one(&mut PgConnection::connect(url).await?).await?
    };
    Ok(found)
}

/// An id as a statement spells it, and an empty body.
pub fn literal(url: &str, id: Uuid) -> String {
    if url.starts_with("sqlite:") { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
}

pub fn no_body(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { "x''" } else { "''" }
}
