//! The heartbeat of a node: renews its lease and rebalances lanes. It uses a connection of its own,
//! outside the pool, so that no slow read of a page or a lane can delay it. A connection that does
//! not answer in time is replaced: its other end may have vanished without closing it.
//!
//! Start reading at [`Heartbeat::beat`].

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sqlx::PgConnection;

use super::{lanes, nodes, nodes::NodeRow, process};
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

/// Timeout for a reply. Shorter than a lease, so that there is time to try another connection.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// After this node's own lease expired unnoticed, it declares no other node dead for this long. The
/// others were probably cut off as well (the database was unreachable, for example) and need time
/// to renew their leases.
const GRACE: Duration = Duration::from_secs(5);

/// The result of a heartbeat.
#[derive(Debug, Default)]
pub(in crate::engine) struct Beat {
    /// The lanes that this node owns, with their fencing tokens; `None` if that did not change.
    pub lanes: Option<HashMap<HookId, i64>>,
    /// The lanes of this node that another node should own. They must be drained and released.
    pub misplaced: HashSet<HookId>,
    /// The hooks that changed on any node since the last heartbeat; `None`: unknown, treat all as
    /// changed.
    pub changed: Option<Vec<HookId>>,
    /// The lease had expired and another node deleted this node's row: it owns no lanes any more.
    /// The next heartbeat registers it again.
    pub is_lost: bool,
    /// This node has the smallest id of all live nodes: it runs the tasks that must run only once.
    pub is_leader: bool,
    /// There is a running job that no live node works on.
    pub has_orphaned_job: bool,
}

/// The state of the cluster at the last heartbeat. While it stays the same, a heartbeat needs only
/// one statement.
struct Seen {
    hooks_version: i64,
    lanes_version: i64,
    alive: Vec<NodeId>,
}

/// The heartbeat of this node, with what it remembers between beats.
pub(in crate::engine) struct Heartbeat {
    db: Db,
    node: NodeId,
    lease: Duration,
    clock: Clock,
    /// See [`process::own_identity`].
    process: Option<String>,
    conn: Option<Conn>,
    /// The node's row existed at the last heartbeat.
    is_listed: bool,
    seen: Option<Seen>,
    /// A lane that this node should own was locked by another transaction: try again.
    must_retry_take: bool,
    /// The last heartbeat did not complete, so `lanes` may be wrong and must be read again.
    is_incomplete: bool,
    /// When this node last found that its own lease had expired.
    was_late: Option<Stopwatch>,
    /// The lanes that this node owns, with their fencing tokens.
    lanes: HashMap<HookId, i64>,
}

impl Heartbeat {
    pub(in crate::engine) fn new(db: &Db, node: NodeId, lease: Duration, clock: Clock) -> Self {
        Self {
            db: db.clone(),
            node,
            lease,
            clock,
            process: process::own_identity(),
            conn: None,
            is_listed: false,
            seen: None,
            must_retry_take: false,
            is_incomplete: true,
            was_late: None,
            lanes: HashMap::new(),
        }
    }

    /// The hooks whose lanes this node owns.
    pub(in crate::engine) fn hooks(&self) -> HashSet<HookId> {
        self.lanes.keys().copied().collect()
    }

    /// One heartbeat: renews the node's lease, releases those of the `idle` lanes that another node
    /// should own, and takes free lanes that this node should own. `None` on SQLite, which has no
    /// other nodes.
    ///
    /// The owner of a lane is computed by rendezvous hashing from the ids of the hook and of the
    /// live nodes, so nodes need no communication to agree. Each statement commits separately: the
    /// node may crash or be delayed between any two of them.
    ///
    /// A node that just started (`is_new`) also removes crashed nodes before their leases expire.
    /// It most likely replaces one of them.
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
        let exchange = self.renew_and_rebalance(postgres(&mut conn)?, idle, is_new);
        let beat = tokio::time::timeout(lease, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::timed_out()))?;
        self.conn = Some(conn);
        Ok(Some(beat))
    }

    /// The heartbeat of a node that shuts down: it takes no more lanes, releases the `idle` ones,
    /// and keeps those with attempts in flight. Returns whether the node's row still existed.
    pub(in crate::engine) async fn retire(
        &mut self,
        idle: &HashSet<HookId>,
    ) -> Result<bool, Error> {
        if !self.db.is_postgres() {
            return Ok(true);
        }
        let mut conn = self.connection().await?;
        let (node, row) = (self.node, self.row(true));
        let exchange = async {
            let conn = postgres(&mut conn)?;
            let reply = nodes::send_heartbeat(conn, node, row).await?;
            lanes::release(conn, node, &idle.iter().copied().collect::<Vec<_>>()).await?;
            Ok(reply.is_listed)
        };
        let is_listed = tokio::time::timeout(self.lease, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::timed_out()))?;
        self.conn = Some(conn);
        Ok(is_listed)
    }

    /// Takes the connection out of `self`, or opens one. The caller puts it back after success. So
    /// one that failed, or whose heartbeat was cancelled in the middle of a statement, is dropped.
    async fn connection(&mut self) -> Result<Conn, Error> {
        if let Some(conn) = self.conn.take() {
            return Ok(conn);
        }
        let mut conn = self.db.connect_unpooled().await?;
        let settings = tokio::time::timeout(REPLY_TIMEOUT, conn.prefer_index_plans()).await;
        settings.unwrap_or_else(|_| Err(Error::timed_out()))?;
        Ok(conn)
    }

    fn row(&self, is_retiring: bool) -> NodeRow {
        NodeRow { lease: self.lease, skew: self.clock.skew().unwrap_or(0), is_retiring }
    }

    async fn renew_and_rebalance(
        &mut self,
        conn: &mut PgConnection,
        idle: &HashSet<HookId>,
        is_new: bool,
    ) -> Result<Beat, Error> {
        let (node, row) = (self.node, self.row(false));
        let must_reload = std::mem::replace(&mut self.is_incomplete, true) || !self.is_listed;
        if is_new {
            nodes::reap_crashed(conn, node, self.lease).await?;
        }
        if !self.is_listed {
            nodes::register(conn, node, (&self.session(), self.process.as_deref()), row).await?;
            lanes::renew_fences(conn, node).await?;
        }
        let sent_at = self.clock.stopwatch();
        let reply =
            tokio::time::timeout(REPLY_TIMEOUT, nodes::send_heartbeat(conn, node, row)).await;
        let reply = reply.unwrap_or_else(|_| Err(Error::timed_out()))?;
        self.clock.synchronise(sent_at, reply.now);
        self.is_listed = reply.is_listed;
        if !reply.is_listed {
            self.lanes.clear();
            return Ok(Beat {
                lanes: Some(HashMap::new()),
                changed: Some(Vec::new()),
                is_lost: true,
                ..Beat::default()
            });
        }
        if reply.was_late {
            self.was_late = Some(sent_at);
        }
        let beat = self.rebalance(conn, reply, idle, must_reload).await?;
        self.is_incomplete = false;
        Ok(beat)
    }

    /// Compares the reply with the last one and queries only what may have changed: releases and
    /// takes lanes, and reaps expired nodes. `must_reload`: the lanes owned are unknown.
    async fn rebalance(
        &mut self,
        conn: &mut PgConnection,
        reply: nodes::HeartbeatReply,
        idle: &HashSet<HookId>,
        must_reload: bool,
    ) -> Result<Beat, Error> {
        let node = self.node;
        let alive: Vec<NodeId> = reply.alive.iter().copied().map(NodeId).collect();
        let seen_hooks = self.seen.as_ref().map(|seen| seen.hooks_version);
        let mut changed = Some(Vec::new());
        if seen_hooks != Some(reply.hooks_version) {
            if let Some(seen) = seen_hooks {
                changed = lanes::changed_since(conn, seen, reply.hooks_version).await?;
            }
            lanes::add(conn, seen_hooks).await?;
        }
        let released: Vec<HookId> =
            misplaced_lanes(&self.lanes, &alive, node).filter(|hook| idle.contains(hook)).collect();
        lanes::release(conn, node, &released).await?;
        let may_reap =
            reply.has_expired_node && self.was_late.is_none_or(|at| at.elapsed() >= GRACE);
        if may_reap {
            nodes::reap(conn, node).await?;
        }
        let is_unchanged = self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.alive == alive && seen.lanes_version == reply.lanes_version);
        let search_all = must_reload || may_reap || self.must_retry_take || !is_unchanged;
        let free = match &changed {
            Some(changed) if !search_all && changed.is_empty() => lanes::Lanes::new(),
            Some(changed) if !search_all => lanes::free(conn, Some(changed.as_slice())).await?,
            _ => lanes::free(conn, None).await?,
        };
        let wanted: lanes::Lanes =
            free.into_iter().filter(|(hook, _)| prefers(*hook, &alive, node)).collect();
        let taken = if wanted.is_empty() { 0 } else { lanes::take(conn, node, &wanted).await? };
        let has_moved = must_reload || taken > 0 || !released.is_empty();
        if has_moved {
            self.lanes = lanes::of(conn, node).await?;
        }
        self.must_retry_take = taken < wanted.len();
        let beat = Beat {
            lanes: has_moved.then(|| self.lanes.clone()),
            misplaced: misplaced_lanes(&self.lanes, &alive, node).collect(),
            changed,
            is_lost: false,
            is_leader: alive.iter().min() == Some(&node),
            has_orphaned_job: reply.has_orphaned_job,
        };
        let (hooks_version, lanes_version) = (reply.hooks_version, reply.lanes_version);
        self.seen = Some(Seen { hooks_version, lanes_version, alive });
        Ok(beat)
    }

    /// The application name that all database connections of this process have.
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

/// The lanes of this node that another node should own.
fn misplaced_lanes(
    lanes: &lanes::Lanes,
    alive: &[NodeId],
    node: NodeId,
) -> impl Iterator<Item = HookId> {
    lanes.keys().copied().filter(move |hook| !prefers(*hook, alive, node))
}

fn prefers(hook: HookId, alive: &[NodeId], node: NodeId) -> bool {
    lanes::preferred_node(hook, alive) == Some(node)
}

fn postgres(conn: &mut Conn) -> Result<&mut PgConnection, Error> {
    conn.postgres().ok_or(Error::Closed)
}

/// At the end of a graceful shutdown: frees this node's lanes and jobs for other nodes at once,
/// instead of when its lease expires.
pub(in crate::engine) async fn leave(db: &Db, node: NodeId) -> Result<(), Error> {
    if !db.is_postgres() {
        return Ok(());
    }
    let mut conn = db.connect_unpooled().await?;
    let leave = async {
        let conn = postgres(&mut conn)?;
        lanes::free_jobs(conn, node).await?;
        nodes::remove(conn, node).await
    };
    tokio::time::timeout(REPLY_TIMEOUT, leave).await.unwrap_or_else(|_| Err(Error::timed_out()))
}
