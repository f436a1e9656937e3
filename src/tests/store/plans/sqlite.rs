//! Query plans of SQLite.

use sqlx::{Connection, Row, SqliteConnection};

use super::{GROWING, SHORT};

/// The steps of a statement's plan; empty for statements without a plan or for PostgreSQL only.
pub async fn plan(url: &str, statement: &str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(text).fetch_all(&mut connection).await;
    steps.unwrap_or_default().iter().filter_map(|step| step.try_get("detail").ok()).collect()
}

/// Does a step scan a growing table, or a growing index?
pub fn is_scan(statement: &str, step: &str) -> bool {
    // The first row in the order of an index: the plan does not show that it stops there.
    if statement.contains("LIMIT 1) AS lowest") && step.contains("COVERING INDEX") {
        return false;
    }
    let mut words = step.split_whitespace();
    if words.next() != Some("SCAN") {
        return false;
    }
    let name = words.next().unwrap_or_default();
    // A step uses the table's name or alias from the statement.
    let words: Vec<&str> = statement
        .split(|c: char| c.is_whitespace() || "(),".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let is_alias = |at: usize| {
        let alias = words.get(at + 1).filter(|word| **word != "AS").or_else(|| words.get(at + 2));
        GROWING.contains(&words[at]) && alias == Some(&name)
    };
    let is_growing = GROWING.contains(&name) || (0..words.len()).any(is_alias);
    is_growing && !SHORT.iter().any(|index| step.contains(index))
}
