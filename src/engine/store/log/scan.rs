//! Index scans: which index finds the matches of a search, and which conditions remain as row
//! filters.
//!
//! The conditions are spelled so that both databases use the intended index. A partial index only
//! serves a query that repeats its condition, and a row comparison leaves the planner no choice.
//! (With a plain `state = ...`, PostgreSQL may scan the whole log because it takes the state to be
//! frequent. Matches from last night may lie below a million newer rows.)

use super::Search;
use crate::domain::{
    delivery::State,
    id::{DeliveryId, EventId, HookId},
    log::AnswerGroup,
};

/// One scan of one index.
#[derive(Clone, Debug)]
pub(super) enum IndexScan {
    Everything,
    OfHook(HookId),
    OfEvent(EventId),
    Tests,
    /// A state other than pending and delivered.
    State(Option<HookId>, State),
    /// A class of answer other than success.
    Answer(Option<HookId>, &'static str),
    Ids(Vec<DeliveryId>),
}

impl IndexScan {
    /// Does the scan cover the search without a costly row filter? Tests and the deliveries of one
    /// event are few, so filtering those is cheap.
    pub(super) fn covers(&self, search: &Search) -> bool {
        let has_other_filter = search.event_type.is_some() || search.tests == Some(true);
        match self {
            Self::Everything | Self::OfHook(_) => {
                !has_other_filter && search.states.is_empty() && search.answer.is_none()
            }
            Self::Tests => {
                search.states.is_empty()
                    && search.answer.is_none()
                    && search.event_type.is_none()
                    && search.hook.is_none()
            }
            Self::State(..) => !has_other_filter && search.answer.is_none(),
            Self::Answer(..) => !has_other_filter && search.states.is_empty(),
            Self::OfEvent(_) | Self::Ids(_) => true,
        }
    }

    /// `ORDER BY` in the order of the index, which within the scan is log order.
    pub(super) fn order(&self, is_ascending: bool) -> &'static str {
        match (self, is_ascending) {
            (Self::OfHook(_), true) => " ORDER BY hook_id, id",
            (Self::OfHook(_), false) => " ORDER BY hook_id DESC, id DESC",
            (Self::State(None, _), true) => " ORDER BY state, id",
            (Self::State(None, _), false) => " ORDER BY state DESC, id DESC",
            (Self::State(Some(_), _), true) => " ORDER BY hook_id, state, id",
            (Self::State(Some(_), _), false) => " ORDER BY hook_id DESC, state DESC, id DESC",
            (Self::Answer(None, _), true) => " ORDER BY last_class, id",
            (Self::Answer(None, _), false) => " ORDER BY last_class DESC, id DESC",
            (Self::Answer(Some(_), _), true) => " ORDER BY hook_id, last_class, id",
            (Self::Answer(Some(_), _), false) => " ORDER BY hook_id DESC, last_class DESC, id DESC",
            (_, true) => " ORDER BY id",
            (_, false) => " ORDER BY id DESC",
        }
    }
}

/// The one scan that contains all matches, ignoring state and answer.
pub(super) fn single_scan(search: &Search) -> IndexScan {
    match (search.event, search.hook) {
        (Some(event), _) => IndexScan::OfEvent(event),
        (None, _) if search.tests == Some(true) => IndexScan::Tests,
        (None, Some(hook)) => IndexScan::OfHook(hook),
        (None, None) => IndexScan::Everything,
    }
}

/// The scans for a search. `pending_ids` are the pending deliveries; `None` if they are too many to
/// list.
pub(super) fn scans(search: &Search, pending_ids: Option<&[DeliveryId]>) -> Vec<IndexScan> {
    let single_scan = single_scan(search);
    if matches!(single_scan, IndexScan::OfEvent(_) | IndexScan::Tests)
        || search.states.contains(&State::Delivered)
    {
        return vec![single_scan];
    }
    // The index of unsuccessful answers is the smallest.
    if let Some(answer) = search
        .answer
        .filter(|answer| !matches!(answer, AnswerGroup::Success | AnswerGroup::NoAttempt))
    {
        return answer
            .classes()
            .iter()
            .map(|class| IndexScan::Answer(search.hook, class))
            .collect();
    }
    let states = match (search.states.is_empty(), search.answer) {
        (false, _) => search.states.as_slice(),
        // Deliveries without any attempt are in one of these states.
        (true, Some(AnswerGroup::NoAttempt)) => {
            &[State::Pending, State::Waiting, State::Held, State::Skipped, State::Cancelled]
        }
        (true, _) => return vec![single_scan],
    };
    let mut scans = Vec::new();
    for state in states {
        match (state, pending_ids) {
            (State::Pending, None) => return vec![single_scan],
            // `IN ()` is not valid SQL.
            (State::Pending, Some([])) if states.len() > 1 => {}
            (State::Pending, Some([])) => {
                scans.push(IndexScan::Ids(vec![DeliveryId(uuid::Uuid::nil())]))
            }
            (State::Pending, Some(ids)) => scans.push(IndexScan::Ids(ids.to_vec())),
            (state, _) => scans.push(IndexScan::State(search.hook, *state)),
        }
    }
    scans
}

/// Can a match of the search be pending?
pub(super) fn may_include_pending(search: &Search) -> bool {
    search.states.contains(&State::Pending)
        || search.states.is_empty() && search.answer == Some(AnswerGroup::NoAttempt)
}

/// Adds a row comparison with the span: `(hook_id, id) >= (.., ..) AND (hook_id, id) < (.., ..)`.
macro_rules! push_between {
    ($query:expr, $columns:literal, $span:expr, $($value:expr),+) => {{
        $query.push(concat!("(", $columns, ", id) >= ("));
        $($query.push_bind($value).push(", ");)+
        $query.push_bind(DeliveryId($span.low)).push(concat!(") AND (", $columns, ", id) < ("));
        $($query.push_bind($value).push(", ");)+
        $query.push_bind(DeliveryId($span.high)).push(")");
    }};
}

/// Adds the conditions of a scan, within a span of ids.
macro_rules! push_scan {
    ($query:expr, $scan:expr, $span:expr) => {{
        let span: Span = $span;
        match $scan {
            IndexScan::OfHook(hook) => push_between!($query, "hook_id", span, *hook),
            IndexScan::State(hook, state) => match hook {
                Some(hook) => {
                    $query.push("state NOT IN ('delivered', 'pending') AND ");
                    push_between!($query, "hook_id, state", span, *hook, state.key())
                }
                None => {
                    $query.push("state NOT IN ('pending', 'delivered') AND ");
                    push_between!($query, "state", span, state.key())
                }
            },
            IndexScan::Answer(hook, class) => match hook {
                Some(hook) => {
                    $query.push("'success' <> last_class AND ");
                    push_between!($query, "hook_id, last_class", span, *hook, *class)
                }
                None => {
                    $query.push("last_class <> 'success' AND ");
                    push_between!($query, "last_class", span, *class)
                }
            },
            IndexScan::Everything
            | IndexScan::OfEvent(_)
            | IndexScan::Tests
            | IndexScan::Ids(_) => {
                match $scan {
                    IndexScan::OfEvent(event) => {
                        $query.push("event_id = ").push_bind(*event).push(" AND ");
                    }
                    IndexScan::Tests => drop($query.push("is_test AND ")),
                    IndexScan::Ids(ids) => {
                        $query.push("id IN ");
                        $crate::engine::store::db::push_list!($query, ids);
                        $query.push(" AND state = 'pending' AND ");
                    }
                    _ => {}
                }
                $query
                    .push("id >= ")
                    .push_bind(DeliveryId(span.low))
                    .push(" AND id < ")
                    .push_bind(DeliveryId(span.high));
            }
        }
    }};
}

/// Adds the row filters that the scan does not cover.
macro_rules! push_filters {
    ($query:expr, $scan:expr, $search:expr) => {{
        let (scan, search): (&IndexScan, &Search) = ($scan, $search);
        if let Some(hook) = search.hook.filter(|_| {
            matches!(scan, IndexScan::Everything | IndexScan::OfEvent(_) | IndexScan::Tests)
        }) {
            $query.push(" AND hook_id = ").push_bind(hook);
        }
        if let Some(event) = search.event.filter(|_| !matches!(scan, IndexScan::OfEvent(_))) {
            $query.push(" AND event_id = ").push_bind(event);
        }
        if let Some(event_type) = search.event_type {
            $query.push(" AND event_type = ").push_bind(event_type.key());
        }
        if let Some(is_test) = search.tests.filter(|_| !matches!(scan, IndexScan::Tests)) {
            $query.push(if is_test { " AND is_test" } else { " AND NOT is_test" });
        }
        if !search.states.is_empty() && !matches!(scan, IndexScan::State(..) | IndexScan::Ids(_)) {
            $query.push(" AND state IN (");
            let mut states = $query.separated(", ");
            for state in &search.states {
                states.push_bind(state.key());
            }
            $query.push(")");
        }
        match search.answer.filter(|_| !matches!(scan, IndexScan::Answer(..))) {
            None => {}
            Some(AnswerGroup::NoAttempt) => drop($query.push(" AND last_class IS NULL")),
            Some(answer) => {
                $query.push(" AND last_class IN (");
                let mut classes = $query.separated(", ");
                for class in answer.classes() {
                    classes.push_bind(*class);
                }
                $query.push(")");
            }
        }
    }};
}

/// Adds the whole query: the first `limit` rows of each scan, merged in log order.
macro_rules! push_page {
    ($query:expr, $search:expr, $scans:expr, $span:expr, $limit:expr) => {{
        let (scans, span, limit): (&[IndexScan], Span, i64) = ($scans, $span, $limit);
        let is_several = scans.len() > 1;
        $query.push(if is_several { "SELECT * FROM (" } else { "" });
        for (number, scan) in scans.iter().enumerate() {
            if is_several {
                $query.push(if number == 0 {
                    "SELECT * FROM ("
                } else {
                    " UNION ALL SELECT * FROM ("
                });
            }
            $query.push(SELECT).push("WHERE ");
            push_scan!($query, scan, span);
            push_filters!($query, scan, $search);
            $query.push(scan.order(span.is_ascending)).push(" LIMIT ").push_bind(limit);
            if is_several {
                $query.push(") AS w").push(number);
            }
        }
        if is_several {
            let order = if span.is_ascending {
                ") AS found ORDER BY id"
            } else {
                ") AS found ORDER BY id DESC"
            };
            $query.push(order).push(" LIMIT ").push_bind(limit);
        }
    }};
}
pub(super) use {push_between, push_filters, push_page, push_scan};
