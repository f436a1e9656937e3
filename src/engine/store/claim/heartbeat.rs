//! A node's heartbeat. It has a connection of its own, outside of the pool, so that a beat never
//! waits behind what pages and lanes are reading. A connection that does not answer in time is
//! closed and replaced: its other end may have vanished without closing it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sqlx::PgConnection;

use super::{lanes, nodes, nodes::NodeRow, place};
use crate::{
    domain::id::{HookId, NodeId},
    engine::{
        clock::{Clock, Stopwatch},
        store::{
            db::{Conn, Db},
            error::Error,
        },
    },
};

/// How long a beat may take to be answered. Short, so that another connection is tried within the
/// same lease.
const ANSWER: Duration = Duration::from_secs(3);

/// When this node was cut off for a whole lease, others may have been too (the database was away,
/// say): for so long it gives them time to come back before it declares them dead.
const GRACE: Duration = Duration::from_secs(5);

/// What a node knows after a beat.
#[derive(Debug, Default)]
pub(in crate::engine) struct Beat {
    /// What it has, with the fences, where that changed.
    pub lanes: Option<HashMap<HookId, i64>>,
    /// Those of them that another node should have.
    pub strangers: HashSet<HookId>,
    /// The hooks that changed since the last beat, on whichever node; `None`: any of them may have.
    pub changed: Option<Vec<HookId>>,
    /// Its lease had ended and its lanes are free. The next beat begins anew.
    pub is_lost: bool,
    /// Of the nodes that live it is the one that does what only one is to do.
    pub is_first: bool,
    /// There is a job that no living node works on.
    pub has_job: bool,
}

/// What the last beat heard; what is the same again needs no look.
struct Seen {
    hooks_version: i64,
    lanes_version: i64,
    alive: Vec<NodeId>,
}

/// See the module.
pub(in crate::engine) struct Heartbeat {
    db: Db,
    node: NodeId,
    lease: Duration,
    clock: Clock,
    place: Option<String>,
    conn: Option<Conn>,
    /// Its row was there when it was last looked.
    is_listed: bool,
    seen: Option<Seen>,
    /// A lane that is meant for this node was locked when it was to be taken.
    is_unsettled: bool,
    /// A beat was cut short: what the node has must be read again.
    is_unsure: bool,
    was_late: Option<Stopwatch>,
    lanes: HashMap<HookId, i64>,
}

impl Heartbeat {
    pub(in crate::engine) fn new(db: &Db, node: NodeId, lease: Duration, clock: Clock) -> Self {
        Self {
            db: db.clone(),
            node,
            lease,
            clock,
            place: place::own(),
            conn: None,
            is_listed: false,
            seen: None,
            is_unsettled: false,
            is_unsure: true,
            was_late: None,
            lanes: HashMap::new(),
        }
    }

    /// What the node has.
    pub(in crate::engine) fn hooks(&self) -> HashSet<HookId> {
        self.lanes.keys().copied().collect()
    }

    /// One beat: renews the node's lease, gives back what of `idle` another node should have, and
    /// takes what is free and meant for this one. `None` on SQLite, where there are no other nodes.
    ///
    /// Which node a lane is meant for follows from the names of both and of who is alive, so that
    /// nodes agree without asking. Each statement stands by itself: after any of them the node may
    /// die, or be late with the rest.
    ///
    /// A node that just started (`is_new`) also ends the leases of nodes that ended without saying so.
    /// Only then: it is most likely what replaces them.
    pub(in crate::engine) async fn beat(
        &mut self,
        idle: &HashSet<HookId>,
        is_new: bool,
    ) -> Result<Option<Beat>, Error> {
        if !self.db.is_postgres() {
            return Ok(None);
        }
        let mut conn = self.connection().await?;
        let lease = self.lease;
        let talk = self.talk(postgres(&mut conn)?, idle, is_new);
        let beat =
            tokio::time::timeout(lease, talk).await.unwrap_or_else(|_| Err(Error::silent()))?;
        self.conn = Some(conn);
        Ok(Some(beat))
    }

    /// A beat of a node that is going: it is to get nothing more, keeps what is still busy and
    /// gives back what is `idle`. Says whether it still had a lease.
    pub(in crate::engine) async fn retire(
        &mut self,
        idle: &HashSet<HookId>,
    ) -> Result<bool, Error> {
        if !self.db.is_postgres() {
            return Ok(true);
        }
        let mut conn = self.connection().await?;
        let (node, word) = (self.node, self.row(true));
        let talk = async {
            let conn = postgres(&mut conn)?;
            let heard = nodes::beat(conn, node, word).await?;
            lanes::give_back(conn, node, &idle.iter().copied().collect::<Vec<_>>()).await?;
            Ok(heard.is_listed)
        };
        let is_listed = tokio::time::timeout(self.lease, talk)
            .await
            .unwrap_or_else(|_| Err(Error::silent()))?;
        self.conn = Some(conn);
        Ok(is_listed)
    }

    /// The connection, taken out: one that failed, or whose answer nobody waits for any more, is
    /// never put back.
    async fn connection(&mut self) -> Result<Conn, Error> {
        if let Some(conn) = self.conn.take() {
            return Ok(conn);
        }
        let mut conn = self.db.own().await?;
        let settings = tokio::time::timeout(ANSWER, conn.go_by_index()).await;
        settings.unwrap_or_else(|_| Err(Error::silent()))?;
        Ok(conn)
    }

    fn row(&self, is_retiring: bool) -> NodeRow {
        NodeRow { lease: self.lease, skew: self.clock.skew().unwrap_or(0), is_retiring }
    }

    async fn talk(
        &mut self,
        conn: &mut PgConnection,
        idle: &HashSet<HookId>,
        is_new: bool,
    ) -> Result<Beat, Error> {
        let (node, word) = (self.node, self.row(false));
        let unsure = std::mem::replace(&mut self.is_unsure, true) || !self.is_listed;
        if is_new {
            nodes::bury_deserted(conn, node, self.lease).await?;
        }
        if !self.is_listed {
            nodes::enter(conn, node, (&self.session(), self.place.as_deref()), word).await?;
            lanes::take_again(conn, node).await?;
        }
        let asked = self.clock.stopwatch();
        let heard = tokio::time::timeout(ANSWER, nodes::beat(conn, node, word)).await;
        let heard = heard.unwrap_or_else(|_| Err(Error::silent()))?;
        self.clock.agree(asked, heard.now);
        self.is_listed = heard.is_listed;
        if !heard.is_listed {
            self.lanes.clear();
            return Ok(Beat {
                lanes: Some(HashMap::new()),
                changed: Some(Vec::new()),
                is_lost: true,
                ..Beat::default()
            });
        }
        if heard.was_late {
            self.was_late = Some(asked);
        }
        let beat = self.look(conn, heard, idle, unsure).await?;
        self.is_unsure = false;
        Ok(beat)
    }

    /// Looks at whatever is not as it was at the last beat.
    async fn look(
        &mut self,
        conn: &mut PgConnection,
        heard: nodes::Heard,
        idle: &HashSet<HookId>,
        unsure: bool,
    ) -> Result<Beat, Error> {
        let node = self.node;
        let alive: Vec<NodeId> = heard.alive.iter().copied().map(NodeId).collect();
        let seen_hooks = self.seen.as_ref().map(|seen| seen.hooks_version);
        let mut changed = Some(Vec::new());
        if seen_hooks != Some(heard.hooks_version) {
            if let Some(seen) = seen_hooks {
                changed = lanes::changed_since(conn, seen, heard.hooks_version).await?;
            }
            lanes::add(conn, seen_hooks).await?;
        }
        let strange: Vec<HookId> = meant_for_others(&self.lanes, &alive, node)
            .filter(|hook| idle.contains(hook))
            .collect();
        lanes::give_back(conn, node, &strange).await?;
        let buries = heard.has_dead && self.was_late.is_none_or(|at| at.elapsed() >= GRACE);
        if buries {
            nodes::reap(conn, node).await?;
        }
        let is_as_before = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.alive == alive && seen.lanes_version == heard.lanes_version);
        let looks_at_all = unsure || buries || self.is_unsettled || !is_as_before;
        let free = match &changed {
            Some(changed) if !looks_at_all && changed.is_empty() => lanes::Lanes::new(),
            Some(changed) if !looks_at_all => lanes::free(conn, Some(changed.as_slice())).await?,
            _ => lanes::free(conn, None).await?,
        };
        let mine: lanes::Lanes =
            free.into_iter().filter(|(hook, _)| is_meant(*hook, &alive, node)).collect();
        let taken = if mine.is_empty() { 0 } else { lanes::take(conn, node, &mine).await? };
        let moves = unsure || taken > 0 || !strange.is_empty();
        if moves {
            self.lanes = lanes::of(conn, node).await?;
        }
        self.is_unsettled = taken < mine.len();
        let beat = Beat {
            lanes: moves.then(|| self.lanes.clone()),
            strangers: meant_for_others(&self.lanes, &alive, node).collect(),
            changed,
            is_lost: false,
            is_first: alive.iter().min() == Some(&node),
            has_job: heard.has_job,
        };
        let (hooks_version, lanes_version) = (heard.hooks_version, heard.lanes_version);
        self.seen = Some(Seen { hooks_version, lanes_version, alive });
        Ok(beat)
    }

    /// What the connections of this process call themselves.
    fn session(&self) -> String {
        match &self.db {
            #[cfg(feature = "sqlite")]
            Db::Sqlite { .. } => String::new(),
            Db::Postgres { pool, .. } => {
                pool.connect_options().get_application_name().unwrap_or_default().to_owned()
            }
        }
    }
}

/// The lanes of this node that another one should have.
fn meant_for_others(
    lanes: &lanes::Lanes,
    alive: &[NodeId],
    node: NodeId,
) -> impl Iterator<Item = HookId> {
    lanes.keys().copied().filter(move |hook| !is_meant(*hook, alive, node))
}

fn is_meant(hook: HookId, alive: &[NodeId], node: NodeId) -> bool {
    lanes::meant_for(hook, alive) == Some(node)
}

fn postgres(conn: &mut Conn) -> Result<&mut PgConnection, Error> {
    conn.postgres().ok_or(Error::Closed)
}

/// A node that goes in order leaves its lanes and jobs to the others at once.
pub(in crate::engine) async fn leave(db: &Db, node: NodeId) -> Result<(), Error> {
    if !db.is_postgres() {
        return Ok(());
    }
    let mut conn = db.own().await?;
    let leave = async {
        let conn = postgres(&mut conn)?;
        lanes::free_jobs(conn, node).await?;
        nodes::strike_out(conn, node).await
    };
    tokio::time::timeout(ANSWER, leave).await.unwrap_or_else(|_| Err(Error::silent()))
}
