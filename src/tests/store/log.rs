//! The log: every filter, in both directions, without duplicates or gaps; and the query plans of
//! both databases.

use service_hooks::{
    domain::{
        delivery::State,
        event::EventType,
        id::{DeliveryId, EventId, time_of},
        job::Scope,
        log::{AnswerGroup, OUTCOMES, Outcome},
        permission::right,
        time::Timestamp,
    },
    engine::store::{
        Conn, Store, jobs,
        log::{self, Place, Search},
    },
};
use uuid::Uuid;

use super::{grant, insert_hook};
use crate::support::{
    db::TestDb,
    on_both,
    rare::below_many,
    rows::{self, Delivered, id_at},
};

on_both!(
    every_filter_matches_a_full_scan_in_both_directions,
    a_page_with_few_results_shows_how_far_it_searched,
    sparse_filters_use_their_indexes,
    a_count_stops_at_its_limit,
    a_dry_run_counts_by_state_and_answer,
);

/// One delivery per second from here on.
const BEGAN: u64 = 1_700_000_000_000;

const KINDS: &[(&str, Option<&str>, Option<i64>)] = &[
    ("delivered", Some("success"), Some(200)),
    ("failed", Some("server_error"), Some(503)),
    ("failed", Some("timeout"), None),
    ("waiting", Some("gone"), Some(410)),
    ("waiting", Some("success"), Some(200)),
    ("held", None, None),
    ("held", Some("tls"), None),
    ("skipped", None, None),
    ("pending", None, None),
    ("cancelled", Some("client_error"), Some(400)),
];

/// `count` deliveries of two hooks, in rotating states.
async fn seed(db: &TestDb, store: &Store, count: u64) -> Vec<Delivered> {
    let hooks = [
        insert_hook(store, EventType::WorkItemClosed, true).await.id,
        insert_hook(store, EventType::OutboundCallInitiated, true).await.id,
    ];
    let row = |number: u64| {
        let position = usize::try_from(number).unwrap();
        let (state, class, status) = KINDS[position % KINDS.len()];
        let at = BEGAN + number * 1000;
        Delivered {
            id: id_at(at, 1),
            event: id_at(at, 0),
            hook: hooks[(position / 3) % 2].0,
            event_type: if position % 2 == 0 {
                "work_item.closed"
            } else {
                "outbound_call.initiated"
            },
            state,
            class,
            status,
            is_test: position % 7 == 0,
            body: "{}".to_owned(),
        }
    };
    let made: Vec<Delivered> = (0..count).map(row).collect();
    rows::insert(&db.settings().database_url(), &made).await.unwrap();
    made
}

/// A second implementation of the search.
fn fits(search: &Search, row: &Delivered) -> bool {
    let at = Timestamp(i64::try_from(row.id.as_u128() >> 80).unwrap());
    search.hook.is_none_or(|hook| hook.0 == row.hook)
        && search.event.is_none_or(|event| event.0 == row.event)
        && search.event_type.is_none_or(|event_type| event_type.key() == row.event_type)
        && (search.states.is_empty() || search.states.iter().any(|state| state.key() == row.state))
        && search.answer.is_none_or(|answer| answer == AnswerGroup::of(row.class))
        && search.tests.is_none_or(|tests| tests == row.is_test)
        && search.from.is_none_or(|from| at >= from)
        && search.to.is_none_or(|to| at < to)
}

/// All results of a search, page by page, in display order.
async fn walk_down(conn: &mut Conn, search: &Search) -> Vec<Uuid> {
    let (mut seen, mut place) = (Vec::new(), Place::Newest);
    loop {
        let found = log::page(conn, &grant(right::DeliveriesRead), search, place, 7).await.unwrap();
        seen.extend(found.rows.iter().take(7).map(|row| row.id.0));
        place = match (found.rows.len() > 7, found.scanned_to) {
            (true, _) => Place::Before(DeliveryId(*seen.last().unwrap())),
            (false, Some(stop)) => Place::Before(stop),
            (false, None) => return seen,
        };
    }
}

async fn walk_up(conn: &mut Conn, search: &Search) -> Vec<Uuid> {
    let (mut seen, mut place) = (Vec::new(), Place::After(DeliveryId(Uuid::nil())));
    loop {
        let found = log::page(conn, &grant(right::DeliveriesRead), search, place, 7).await.unwrap();
        let page = found.rows.len();
        seen.extend(found.rows.iter().rev().take(7).map(|row| row.id.0));
        place = match (page > 7, found.scanned_to) {
            (true, _) => Place::After(DeliveryId(*seen.last().unwrap())),
            (false, Some(stop)) => Place::After(stop),
            (false, None) => return seen,
        };
    }
}

fn searches(rows: &[Delivered]) -> Vec<Search> {
    let outcome = |outcome: &Outcome| Search {
        states: outcome.states.to_vec(),
        tests: outcome.tests,
        ..Search::default()
    };
    let mut searches: Vec<Search> = OUTCOMES.iter().map(outcome).collect();
    searches.push(Search::default());
    let answered: Vec<Search> = AnswerGroup::ALL
        .iter()
        .map(|group| Search { answer: Some(*group), ..Search::default() })
        .collect();
    let both = |search: &Search| Search { answer: Some(AnswerGroup::Timeout), ..search.clone() };
    searches.extend(searches.clone().iter().map(both).collect::<Vec<_>>());
    searches.extend(answered);
    let hook = Some(service_hooks::domain::id::HookId(rows[0].hook));
    searches.extend(searches.clone().into_iter().map(|search| Search { hook, ..search }));
    let span = (Some(Timestamp(BEGAN as i64 + 20_000)), Some(Timestamp(BEGAN as i64 + 70_500)));
    let mut more = vec![Search { event: Some(EventId(rows[5].event)), ..Search::default() }];
    for search in &searches {
        more.push(Search { from: span.0, to: span.1, ..search.clone() });
        more.push(Search { event_type: Some(EventType::OutboundCallInitiated), ..search.clone() });
    }
    searches.extend(more);
    searches
}

async fn every_filter_matches_a_full_scan_in_both_directions(db: TestDb) {
    let store = db.store().await;
    let rows = seed(&db, &store, 120).await;
    let mut conn = store.read().await.unwrap();
    for search in searches(&rows) {
        let wanted: Vec<Uuid> =
            rows.iter().filter(|row| fits(&search, row)).map(|row| row.id).collect();
        assert_eq!(walk_up(&mut conn, &search).await, wanted, "{search:?}");
        let newest_first: Vec<Uuid> = wanted.into_iter().rev().collect();
        assert_eq!(walk_down(&mut conn, &search).await, newest_first, "{search:?}");
    }
}

async fn a_page_with_few_results_shows_how_far_it_searched(db: TestDb) {
    let store = db.store().await;
    let hook = insert_hook(&store, EventType::WorkItemClosed, true).await.id.0;
    // One of another type, and above it more rows than a page scans.
    let rows = below_many(hook, BEGAN, 12_000);
    rows::insert(&db.settings().database_url(), &rows).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let search = Search { event_type: Some(EventType::OutboundCallInitiated), ..Search::default() };
    let first = log::page(&mut conn, &grant(right::DeliveriesRead), &search, Place::Newest, 50)
        .await
        .unwrap();
    assert_eq!((first.rows.len(), first.scanned_to), (0, Some(DeliveryId(rows[2000].id))));
    let next = log::page(
        &mut conn,
        &grant(right::DeliveriesRead),
        &search,
        Place::Before(first.scanned_to.unwrap()),
        50,
    )
    .await
    .unwrap();
    assert_eq!((next.rows[0].id.0, next.scanned_to), (rows[0].id, None));
}

async fn sparse_filters_use_their_indexes(db: TestDb) {
    let store = db.store().await;
    let rows = seed(&db, &store, 4000).await;
    let mut conn = store.read().await.unwrap();
    let hook = Some(service_hooks::domain::id::HookId(rows[0].hook));
    let searches = [
        (Search::default(), ""),
        (Search { hook, ..Search::default() }, "deliveries_by_hook"),
        (Search { states: vec![State::Failed], ..Search::default() }, "deliveries_by_state"),
        (
            Search { states: vec![State::Failed, State::Skipped], hook, ..Search::default() },
            "deliveries_of_hook_by_state",
        ),
        (Search { answer: Some(AnswerGroup::Tls), ..Search::default() }, "deliveries_by_answer"),
        (
            Search { answer: Some(AnswerGroup::ClientError), hook, ..Search::default() },
            "deliveries_of_hook_by_answer",
        ),
        (Search { tests: Some(true), ..Search::default() }, "deliveries_tests"),
        (
            Search { event: Some(EventId(rows[9].event)), ..Search::default() },
            "deliveries_by_event",
        ),
    ];
    for (search, index) in searches {
        for place in [
            Place::Newest,
            Place::Before(DeliveryId(rows[2000].id)),
            Place::After(DeliveryId(rows[2000].id)),
        ] {
            let plan = log::explain(&mut conn, &grant(right::DeliveriesRead), &search, place)
                .await
                .unwrap()
                .join("\n");
            assert!(plan.contains(index), "{search:?} at {place:?}:\n{plan}");
            // A full scan of the table: SCAN in SQLite, Seq Scan in PostgreSQL.
            let is_sorted =
                search.states.len() < 2 && search.answer != Some(AnswerGroup::ClientError);
            assert!(
                !is_sorted || !plan.contains("TEMP B-TREE"),
                "{search:?} at {place:?}:\n{plan}"
            );
            assert!(
                !plan.contains("SCAN deliveries\n") && !plan.contains("Seq Scan"),
                "{search:?} at {place:?}:\n{plan}"
            );
        }
    }
}

async fn a_count_stops_at_its_limit(db: TestDb) {
    let store = db.store().await;
    let rows = seed(&db, &store, 200).await;
    let mut conn = store.read().await.unwrap();
    let failed = Search { states: vec![State::Failed], tests: Some(false), ..Search::default() };
    let wanted = rows.iter().filter(|row| fits(&failed, row)).count() as i64;
    for (most, counted) in [(1000, wanted), (10, 10)] {
        assert_eq!(
            log::count_up_to(&mut conn, &grant(right::DeliveriesRead), &failed, most)
                .await
                .unwrap(),
            Some(counted)
        );
    }
    let delivered = Search { states: vec![State::Delivered], ..Search::default() };
    assert_eq!(
        log::count_up_to(&mut conn, &grant(right::DeliveriesRead), &delivered, 1000).await.unwrap(),
        None,
        "no filter would count the whole log"
    );
    let newest = log::newest(&mut conn, &grant(right::DeliveriesRead)).await.unwrap();
    assert_eq!(newest, Some(DeliveryId(rows[199].id)));
    let ids: Vec<DeliveryId> =
        [3, 9, 4].iter().map(|at: &usize| DeliveryId(rows[*at].id)).collect();
    let these = log::by_ids(&mut conn, &grant(right::DeliveriesRead), &ids).await.unwrap();
    assert_eq!(these.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1], ids[2], ids[0]]);
}

async fn a_dry_run_counts_by_state_and_answer(db: TestDb) {
    let store = db.store().await;
    let rows = seed(&db, &store, 200).await;
    let mut conn = store.read().await.unwrap();
    for states in
        [vec![State::Failed, State::Skipped], vec![State::Delivered, State::Cancelled], vec![]]
    {
        for answer in [None, Some(AnswerGroup::Timeout)] {
            let scope = Scope { states: states.clone(), answer, ..Scope::default() };
            let count =
                jobs::count(&mut conn, &grant(right::DeliveriesReplay), &scope).await.unwrap();
            let search =
                Search { states: states.clone(), answer, tests: Some(false), ..Search::default() };
            let wanted =
                rows.iter().filter(|row| !states.is_empty() && fits(&search, row)).count() as i64;
            assert_eq!(count.total(), wanted, "{scope:?}");
        }
    }
    in_slices(&mut conn, &rows).await;
    let scope = Scope { states: vec![State::Failed], ..Scope::default() };
    let count = jobs::count(&mut conn, &grant(right::DeliveriesReplay), &scope).await.unwrap();
    assert_eq!(count.of_state(State::Failed), count.total());
    assert_eq!(
        count.parts.iter().map(|(_, answer, _)| *answer).collect::<Vec<_>>(),
        [AnswerGroup::ServerError, AnswerGroup::Timeout]
    );
    let inbox = log::undelivered(&mut conn, &grant(right::DeliveriesRead)).await.unwrap();
    let lost = Search {
        states: vec![State::Failed, State::Skipped, State::Held],
        tests: Some(false),
        ..Search::default()
    };
    let wanted = rows.iter().filter(|row| fits(&lost, row)).count() as i64;
    assert_eq!(inbox.iter().map(|part| part.count).sum::<i64>(), wanted);
    assert_eq!(
        inbox.len(),
        8,
        "two hooks with two responses, and the skipped and held deliveries: {inbox:?}"
    );
}

/// Each delivery is counted in exactly one slice, the one of its time.
async fn in_slices(conn: &mut Conn, rows: &[Delivered]) {
    let at = |position: usize| time_of(rows[position].id);
    for states in
        [vec![State::Failed, State::Skipped], vec![State::Delivered, State::Cancelled], vec![]]
    {
        for (from, to) in [(None, None), (Some(at(20)), Some(at(150)))] {
            let scope = Scope { states: states.clone(), from, to, ..Scope::default() };
            let search = Search {
                states: states.clone(),
                tests: Some(false),
                from,
                to,
                ..Search::default()
            };
            let is_wanted = |row: &&Delivered| !states.is_empty() && fits(&search, row);
            let wanted: Vec<Timestamp> =
                rows.iter().filter(is_wanted).map(|row| time_of(row.id)).collect();
            // Bounds inside the range, beyond it on both sides, and a single slice.
            for bounds in
                [vec![at(40), at(60), at(61), at(170)], vec![Timestamp(0), Timestamp(1)], vec![]]
            {
                let counts = jobs::survey(conn, &grant(right::DeliveriesReplay), &scope, &bounds)
                    .await
                    .unwrap()
                    .counts;
                let cuts = bounds.get(1..bounds.len().saturating_sub(1)).unwrap_or_default();
                let slice = |at: &Timestamp| cuts.iter().filter(|cut| *cut <= at).count();
                for (number, count) in counts.iter().enumerate() {
                    let own = wanted.iter().filter(|at| slice(at) == number).count() as i64;
                    assert_eq!(count.total(), own, "{scope:?}, slice {number} of {bounds:?}");
                }
                assert_eq!(counts.len(), cuts.len() + 1);
            }
            let ends = jobs::survey(conn, &grant(right::DeliveriesReplay), &scope, &[])
                .await
                .unwrap()
                .ends;
            assert_eq!(
                ends,
                wanted.iter().min().copied().zip(wanted.iter().max().copied()),
                "{scope:?}"
            );
        }
    }
}
