//! One walk along an index, and what of a search it leaves to be judged row by row. The conditions
//! are spelled so that both databases take the index that is meant: a partial index serves only a
//! query that repeats its condition, and a comparison of whole rows leaves no choice. (Where `state
//! = ...` would do, PostgreSQL may prefer to walk through all of the log for what it takes to be
//! frequent, and what failed last night has a million deliveries above it.)

use super::Search;
use crate::domain::{
    delivery::State,
    id::{DeliveryId, EventId, HookId},
    log::AnswerGroup,
};

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Walk {
    Everything,
    OfHook(HookId),
    OfEvent(EventId),
    Tests,
    /// Neither pending nor delivered.
    State(Option<HookId>, State),
    /// An answer that was no success.
    Answer(Option<HookId>, &'static str),
    Ids(Vec<DeliveryId>),
}

impl Walk {
    /// Nothing is left to be judged, or so little that it does not matter: tests are few, and so is
    /// what one event became.
    pub(super) fn is_all_of(&self, search: &Search) -> bool {
        let is_judged = search.event_type.is_some() || search.tests == Some(true);
        match self {
            Self::Everything | Self::OfHook(_) => {
                !is_judged && search.states.is_empty() && search.answer.is_none()
            }
            Self::Tests => {
                search.states.is_empty()
                    && search.answer.is_none()
                    && search.event_type.is_none()
                    && search.hook.is_none()
            }
            Self::State(..) => !is_judged && search.answer.is_none(),
            Self::Answer(..) => !is_judged && search.states.is_empty(),
            Self::OfEvent(_) | Self::Ids(_) => true,
        }
    }

    /// The order of its index, which within the walk is that of the log.
    pub(super) fn order(&self, is_rising: bool) -> &'static str {
        match (self, is_rising) {
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

/// The walk that holds whatever is looked for, without a look at its outcome.
pub(super) fn plain(search: &Search) -> Walk {
    match (search.event, search.hook) {
        (Some(event), _) => Walk::OfEvent(event),
        (None, _) if search.tests == Some(true) => Walk::Tests,
        (None, Some(hook)) => Walk::OfHook(hook),
        (None, None) => Walk::Everything,
    }
}

/// The walks of a search, where first attempts on their way are `few` (`None`: they are not).
pub(super) fn walks(search: &Search, few: Option<&[DeliveryId]>) -> Vec<Walk> {
    let plain = plain(search);
    if matches!(plain, Walk::OfEvent(_) | Walk::Tests) || search.states.contains(&State::Delivered)
    {
        return vec![plain];
    }
    // An answer other than a success is where least lies.
    if let Some(answer) =
        search.answer.filter(|answer| !matches!(answer, AnswerGroup::Success | AnswerGroup::Never))
    {
        return answer.classes().iter().map(|class| Walk::Answer(search.hook, class)).collect();
    }
    let states = match (search.states.is_empty(), search.answer) {
        (false, _) => search.states.as_slice(),
        // What was never tried is in one of these.
        (true, Some(AnswerGroup::Never)) => {
            &[State::Pending, State::Waiting, State::Held, State::Skipped, State::Cancelled]
        }
        (true, _) => return vec![plain],
    };
    let mut walks = Vec::new();
    for state in states {
        match (state, few) {
            (State::Pending, None) => return vec![plain],
            // Nothing is no SQL.
            (State::Pending, Some([])) if states.len() > 1 => {}
            (State::Pending, Some([])) => {
                walks.push(Walk::Ids(vec![DeliveryId(uuid::Uuid::nil())]))
            }
            (State::Pending, Some(ids)) => walks.push(Walk::Ids(ids.to_vec())),
            (state, _) => walks.push(Walk::State(search.hook, *state)),
        }
    }
    walks
}

/// May what a search is for be pending?
pub(super) fn wants_pending(search: &Search) -> bool {
    search.states.contains(&State::Pending)
        || search.states.is_empty() && search.answer == Some(AnswerGroup::Never)
}

/// Adds that a row of columns lies in a span: `(hook_id, id) >= (.., ..) AND (hook_id, id) < (..,
/// ..)`.
macro_rules! push_between {
    ($query:expr, $columns:literal, $span:expr, $($value:expr),+) => {{
        $query.push(concat!("(", $columns, ", id) >= ("));
        $($query.push_bind($value).push(", ");)+
        $query.push_bind(DeliveryId($span.low)).push(concat!(") AND (", $columns, ", id) < ("));
        $($query.push_bind($value).push(", ");)+
        $query.push_bind(DeliveryId($span.high)).push(")");
    }};
}

/// Adds the conditions of a walk through a span of ids.
macro_rules! push_walk {
    ($query:expr, $walk:expr, $span:expr) => {{
        let span: Span = $span;
        match $walk {
            Walk::OfHook(hook) => push_between!($query, "hook_id", span, *hook),
            Walk::State(hook, state) => match hook {
                Some(hook) => {
                    $query.push("state NOT IN ('delivered', 'pending') AND ");
                    push_between!($query, "hook_id, state", span, *hook, state.key())
                }
                None => {
                    $query.push("state NOT IN ('pending', 'delivered') AND ");
                    push_between!($query, "state", span, state.key())
                }
            },
            Walk::Answer(hook, class) => match hook {
                Some(hook) => {
                    $query.push("'success' <> last_class AND ");
                    push_between!($query, "hook_id, last_class", span, *hook, *class)
                }
                None => {
                    $query.push("last_class <> 'success' AND ");
                    push_between!($query, "last_class", span, *class)
                }
            },
            Walk::Everything | Walk::OfEvent(_) | Walk::Tests | Walk::Ids(_) => {
                match $walk {
                    Walk::OfEvent(event) => {
                        $query.push("event_id = ").push_bind(*event).push(" AND ");
                    }
                    Walk::Tests => drop($query.push("is_test AND ")),
                    Walk::Ids(ids) => {
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

/// Adds what the walk left.
macro_rules! push_rest {
    ($query:expr, $walk:expr, $search:expr) => {{
        let (walk, search): (&Walk, &Search) = ($walk, $search);
        if let Some(hook) = search
            .hook
            .filter(|_| matches!(walk, Walk::Everything | Walk::OfEvent(_) | Walk::Tests))
        {
            $query.push(" AND hook_id = ").push_bind(hook);
        }
        if let Some(event) = search.event.filter(|_| !matches!(walk, Walk::OfEvent(_))) {
            $query.push(" AND event_id = ").push_bind(event);
        }
        if let Some(event_type) = search.event_type {
            $query.push(" AND event_type = ").push_bind(event_type.key());
        }
        if let Some(is_test) = search.tests.filter(|_| !matches!(walk, Walk::Tests)) {
            $query.push(if is_test { " AND is_test" } else { " AND NOT is_test" });
        }
        if !search.states.is_empty() && !matches!(walk, Walk::State(..) | Walk::Ids(_)) {
            $query.push(" AND state IN (");
            let mut states = $query.separated(", ");
            for state in &search.states {
                states.push_bind(state.key());
            }
            $query.push(")");
        }
        match search.answer.filter(|_| !matches!(walk, Walk::Answer(..))) {
            None => {}
            Some(AnswerGroup::Never) => drop($query.push(" AND last_class IS NULL")),
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

/// Adds the whole question: along each walk the rows nearest to where the page begins, and of those
/// together the nearest.
macro_rules! push_page {
    ($query:expr, $search:expr, $walks:expr, $span:expr, $limit:expr) => {{
        let (walks, span, limit): (&[Walk], Span, i64) = ($walks, $span, $limit);
        let is_several = walks.len() > 1;
        $query.push(if is_several { "SELECT * FROM (" } else { "" });
        for (number, walk) in walks.iter().enumerate() {
            if is_several {
                $query.push(if number == 0 {
                    "SELECT * FROM ("
                } else {
                    " UNION ALL SELECT * FROM ("
                });
            }
            $query.push(SELECT).push("WHERE ");
            push_walk!($query, walk, span);
            push_rest!($query, walk, $search);
            $query.push(walk.order(span.is_rising)).push(" LIMIT ").push_bind(limit);
            if is_several {
                $query.push(") AS w").push(number);
            }
        }
        if is_several {
            let order = if span.is_rising {
                ") AS found ORDER BY id"
            } else {
                ") AS found ORDER BY id DESC"
            };
            $query.push(order).push(" LIMIT ").push_bind(limit);
        }
    }};
}
pub(super) use {push_between, push_page, push_rest, push_walk};
