//! What tests stand on: databases of their own, a running portal, a receiver.

pub mod app;
pub mod binary;
pub mod db;
pub mod names;
pub mod rare;
pub mod receiver;
pub mod rows;

/// Runs each test once on SQLite and once on PostgreSQL. A test takes a [`db::TestDb`].
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::db::TestDb::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::db::TestDb::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// Awaits until `check` gives something; fails after ten seconds with `what`.
pub async fn eventually<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    within(10, what, check).await
}

/// The same, with the patience it needs.
pub async fn within<T>(seconds: u64, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = std::time::Duration::from_secs(seconds);
    let found = tokio::time::timeout(patience, async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}
