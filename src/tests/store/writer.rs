//! The writer: group commits, a savepoint for each command, and commands whose callers are dropped.

use {
    crate::support::{db::TestDb, eventually, on_both},
    service_hooks::{domain::time::Timestamp, engine::store::Error, portal::store::sessions},
};

use super::write;

on_both!(
    a_failed_command_rolls_back_only_itself,
    a_panicking_command_fails_alone_and_the_writer_continues,
    a_dropped_caller_does_not_roll_back_its_command,
    committed_data_survives_reopening,
);

async fn exists(store: &service_hooks::engine::store::Store, id: &[u8]) -> bool {
    sessions::find(&mut store.read().await.unwrap(), id, Timestamp(0)).await.unwrap().is_some()
}

async fn a_failed_command_rolls_back_only_itself(db: TestDb) {
    let store = db.store().await;
    let until = Timestamp(i64::MAX);
    // Many concurrent commands, so that succeeding and failing ones share commits.
    let writes = (0..100u8).map(|number| {
        let store = store.clone();
        async move {
            write!(store, |conn| {
                sessions::insert(conn, &[number], "{}", until).await?;
                // Every third command violates a unique key.
                if number % 3 == 0 {
                    sessions::insert(conn, &[number], "{}", until).await
                } else {
                    Ok(())
                }
            })
        }
    });
    let outcomes = futures::future::join_all(writes).await;
    for (number, outcome) in (0..100u8).zip(outcomes) {
        assert_eq!(matches!(outcome, Err(Error::Exists)), number % 3 == 0, "{number}: {outcome:?}");
        assert_eq!(exists(&store, &[number]).await, number % 3 != 0, "{number}");
    }
    store.close().await;
}

async fn a_panicking_command_fails_alone_and_the_writer_continues(db: TestDb) {
    let store = db.store().await;
    let until = Timestamp(i64::MAX);
    for round in 0..3u8 {
        // Many concurrent commands, so that some share commits with the ones that panic.
        let writes = (0..50u8).map(|number| {
            let store = store.clone();
            async move {
                write!(store, |conn| {
                    sessions::insert(conn, &[round, number], "{}", until).await?;
                    assert!(number % 10 != 0, "intended panic, inside a transaction");
                    Ok(())
                })
            }
        });
        let outcomes = futures::future::join_all(writes).await;
        for (number, outcome) in (0..50u8).zip(outcomes) {
            assert_eq!(
                matches!(outcome, Err(Error::Panicked)),
                number % 10 == 0,
                "{number}: {outcome:?}"
            );
            assert_eq!(outcome.is_ok(), number % 10 != 0, "{number}: {outcome:?}");
            assert_eq!(exists(&store, &[round, number]).await, number % 10 != 0, "{number}");
        }
    }
    // Alone in its transaction, like a change to a hook.
    let panicked =
        store.write_alone::<(), Error, _>(|_| Box::pin(async { panic!("on purpose") })).await;
    assert!(matches!(panicked, Err(Error::Panicked)), "{panicked:?}");
    write!(store, |conn| sessions::insert(conn, b"after", "{}", until).await).unwrap();
    assert!(exists(&store, b"after").await);
    store.close().await;
}

async fn a_dropped_caller_does_not_roll_back_its_command(db: TestDb) {
    let store = db.store().await;
    let writer = store.clone();
    let caller = tokio::spawn(async move {
        writer
            .write::<(), Error, _>(|conn| {
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    sessions::insert(conn, b"left", "{}", Timestamp(i64::MAX)).await
                })
            })
            .await
    });
    tokio::task::yield_now().await;
    caller.abort();
    // If it was aborted before it was queued, nothing is guaranteed; so run one that certainly was
    // queued.
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let writer = store.clone();
    let caller = tokio::spawn(async move {
        writer
            .write::<(), Error, _>(|conn| {
                Box::pin(async move {
                    // The test continues when this runs.
                    let _sent = sender.send(());
                    tokio::task::yield_now().await;
                    sessions::insert(conn, b"queued", "{}", Timestamp(i64::MAX)).await
                })
            })
            .await
    });
    receiver.await.unwrap();
    caller.abort();
    eventually("the command was committed", async || exists(&store, b"queued").await.then_some(()))
        .await;
    store.close().await;
}

async fn committed_data_survives_reopening(db: TestDb) {
    let store = db.store().await;
    write!(store, |conn| sessions::insert(conn, b"kept", "{}", Timestamp(i64::MAX)).await).unwrap();
    store.clone().close().await;
    let refused = write!(store, |conn| sessions::insert(conn, b"late", "{}", Timestamp(1)).await);
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    let store = db.store().await;
    assert!(exists(&store, b"kept").await && !exists(&store, b"late").await);
    store.close().await;
}
