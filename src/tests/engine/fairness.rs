//! Receivers that accept and never respond: they must not delay deliveries of other hooks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::scene::Scene;
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    one_of_ten_hooks_hangs_without_delaying_the_others,
    five_of_ten_hooks_hang_without_delaying_the_others,
    sixty_hanging_hooks_leave_permits_for_a_new_hook,
);

/// Some hooks hang, either from the beginning or after they were given many permits; the others
/// work. Waits until the others received all of three rounds. The hanging attempts are still in
/// flight then, so no delivery waited for a deadline.
async fn hang(db: TestDb, hanging: usize, well: usize, is_warm: bool) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.in_flight = 64;
        // No hanging attempt ends during the test.
        settings.delivery.timeout = Duration::from_secs(3600);
    })
    .await;
    let answers = Arc::new(AtomicBool::new(is_warm));
    let still = answers.clone();
    let rule =
        move |_: &_| if still.load(Ordering::SeqCst) { Reply::status(200) } else { Reply::never() };
    let (hung, good) = (Receiver::ruled(rule).await, Receiver::start().await);
    for _ in 0..hanging {
        scene.hook(&hung, json!({})).await;
    }
    let count = 30;
    if is_warm {
        scene.emit_some(count).await;
        scene.all_in("delivered", hanging * count).await;
        answers.store(false, Ordering::SeqCst);
    }
    let (before, done) = (hung.came().len(), scene.count("delivered").await);
    scene.emit_some(count).await;
    // They take all permits that they can get: as many as leave one share for a hook that does not
    // hang.
    let share = if is_warm { (64 / (hanging + 1)).min(16) } else { 1 };
    hung.wait_for(before + hanging * share).await;
    for _ in 0..well {
        scene.hook(&good, json!({})).await;
    }
    for _ in 0..3 {
        let before = good.came().len();
        scene.emit_some(count).await;
        good.wait_for(before + well * count).await;
    }
    eventually("everything is recorded", async || {
        (scene.count("delivered").await == done + (3 * well * count) as i64).then_some(())
    })
    .await;
    assert_eq!(scene.count("waiting").await, 0, "no deadline has passed yet");
    scene.app.assert_balanced().await;
}

async fn one_of_ten_hooks_hangs_without_delaying_the_others(db: TestDb) {
    hang(db, 1, 9, true).await;
}

async fn five_of_ten_hooks_hang_without_delaying_the_others(db: TestDb) {
    hang(db, 5, 5, true).await;
}

async fn sixty_hanging_hooks_leave_permits_for_a_new_hook(db: TestDb) {
    hang(db, 60, 2, false).await;
}
