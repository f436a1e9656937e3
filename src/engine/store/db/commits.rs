//! Whether anything was committed to the database since the last look, by any process. Open pages
//! look twice a second, so a look must cost next to nothing however large the database is. One of
//! the files that may know which database engine is in use.
//!
//! - SQLite: `PRAGMA data_version` on a connection of its own. It changes when another connection
//!   commits, and reads no table.
//! - PostgreSQL: which transactions have ended, from `pg_current_snapshot()`. It sees the commits
//!   of all nodes. Only transactions that write get a number. Each node's heartbeat writes once a
//!   second; its number is the `xmin` of the node's row, and it doesn't count. Writes to other
//!   databases of the same server count, which costs pages a needless refresh.

#[cfg(feature = "postgres")]
use std::collections::HashSet;

#[cfg(feature = "sqlite")]
use sqlx::{ConnectOptions, SqliteConnection};

#[cfg(feature = "postgres")]
use super::Link;
use super::{Db, Error};

/// What the last look saw. The first look always finds a commit.
#[derive(Default)]
pub struct Commits {
    #[cfg(feature = "sqlite")]
    file: Option<(SqliteConnection, i64)>,
    #[cfg(feature = "postgres")]
    snapshot: Option<Snapshot>,
}

impl Db {
    /// Whether there was a commit since the last call with the same [`Commits`].
    pub(in crate::engine) async fn has_commits(&self, seen: &mut Commits) -> Result<bool, Error> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => {
                let (mut connection, before) = match seen.file.take() {
                    Some((connection, version)) => (connection, Some(version)),
                    None => ((**writer).clone().read_only(true).connect().await?, None),
                };
                let (version,): (i64,) =
                    sqlx::query_as("PRAGMA data_version").fetch_one(&mut connection).await?;
                // Not kept after an error: then the next look opens another connection.
                seen.file = Some((connection, version));
                Ok(before != Some(version))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => {
                let mut conn = self.read().await?;
                #[cfg(feature = "sqlite")]
                let Link::Postgres(connection) = &mut conn.link else { return Ok(true) };
                #[cfg(not(feature = "sqlite"))]
                let Link::Postgres(connection) = &mut conn.link;
                let (text, heartbeats): (String, Vec<i64>) = sqlx::query_as(
                    "SELECT CAST(pg_current_snapshot() AS TEXT), ARRAY(SELECT CAST(CAST(xmin AS \
                     TEXT) AS BIGINT) FROM nodes)",
                )
                .fetch_one(&mut **connection)
                .await?;
                let now = Snapshot::parse(&text);
                let before = std::mem::replace(&mut seen.snapshot, now.clone());
                Ok(match (before, now) {
                    (Some(before), Some(now)) => now.has_more_than(&before, &heartbeats),
                    _ => true,
                })
            }
        }
    }
}

/// Transactions below `next` have ended, except the `open` ones.
#[cfg(feature = "postgres")]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    next: u64,
    open: HashSet<u64>,
}

/// More transactions than this between two looks are not only heartbeats.
#[cfg(feature = "postgres")]
const MANY: u64 = 256;

#[cfg(feature = "postgres")]
impl Snapshot {
    /// PostgreSQL's text form: `xmin:xmax:xip,xip`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').skip(1);
        let (next, open) = (parts.next()?.parse().ok()?, parts.next()?);
        let open = open.split(',').filter(|id| !id.is_empty()).map(str::parse);
        Some(Self { next, open: open.collect::<Result<_, _>>().ok()? })
    }

    /// Whether a transaction has ended since `before` that is not one of these. `known` are numbers
    /// modulo 2^32, as rows have them.
    fn has_more_than(&self, before: &Self, known: &[i64]) -> bool {
        if self.next < before.next || self.next - before.next > MANY {
            return true;
        }
        let later = before.next..self.next;
        let mut ended =
            before.open.iter().copied().chain(later).filter(|id| !self.open.contains(id));
        ended.any(|id| !known.contains(&i64::try_from(id & 0xffff_ffff).unwrap_or_default()))
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::Snapshot;

    #[test]
    fn heartbeats_are_not_news_and_a_late_commit_is() {
        let seen = |text| Snapshot::parse(text).unwrap();
        let rows: &[(&str, &str, &[i64], bool)] = &[
            ("7:7:", "7:7:", &[6], false),
            ("7:7:", "8:8:", &[7], false),
            ("7:7:", "9:9:", &[8], true),
            // 7 was open while 8 ended; it ends later.
            ("7:9:7", "9:9:", &[8], true),
            ("7:9:7", "9:9:", &[7], false),
            ("7:9:7", "7:9:7", &[], false),
            ("7:7:", "7:9:7,8", &[], false),
            ("4294967297:4294967297:", "4294967298:4294967298:", &[1], false),
            ("7:7:", "5000:5000:", &[], true),
            ("7:7:", "3:3:", &[], true),
        ];
        for (before, now, known, wanted) in rows {
            assert_eq!(seen(now).has_more_than(&seen(before), known), *wanted, "{before} {now}");
        }
        assert_eq!(Snapshot::parse("7"), None);
    }
}
