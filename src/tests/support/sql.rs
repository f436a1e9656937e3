//! SQL of tests, which bypasses the store.

use sqlx::{Connection, PgConnection, SqliteConnection, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

/// Executes statements directly, without the checks of the store.
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

/// Prefix of a test's own queries: they may scan whole tables.
pub const ASKED_BY_A_TEST: &str = "/* asked by a test */ ";

/// The single number that a query returns.
pub async fn number(url: &str, question: &str) -> Result<i64, sqlx::Error> {
    one(url, question).await
}

/// The single text that a query returns.
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

/// An id as an SQL literal, and an empty body.
pub fn literal(url: &str, id: Uuid) -> String {
    if url.starts_with("sqlite:") { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
}

pub fn no_body(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { "x''" } else { "''" }
}
