//! A build without PostgreSQL has one server for each database: no other nodes, no heartbeats.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    domain::id::{HookId, NodeId},
    engine::{
        clock::Clock,
        store::{db::Db, error::Error},
    },
};

#[derive(Debug, Default)]
pub(in crate::engine) struct Beat {
    pub lanes: Option<HashMap<HookId, i64>>,
    pub misplaced: HashSet<HookId>,
    pub changed: Option<Vec<HookId>>,
    pub is_lost: bool,
    pub is_leader: bool,
    pub has_orphaned_job: bool,
}

pub(in crate::engine) struct Heartbeat;

impl Heartbeat {
    pub(in crate::engine) fn new(_: &Db, _: NodeId, _: Duration, _: Clock) -> Self {
        Self
    }

    pub(in crate::engine) fn hooks(&self) -> HashSet<HookId> {
        HashSet::new()
    }

    pub(in crate::engine) async fn beat(
        &mut self,
        _: &HashSet<HookId>,
        _: bool,
    ) -> Result<Option<Beat>, Error> {
        Ok(None)
    }

    pub(in crate::engine) async fn retire(&mut self, _: &HashSet<HookId>) -> Result<bool, Error> {
        Ok(true)
    }
}

pub(in crate::engine) async fn leave(_: &Db, _: NodeId) -> Result<(), Error> {
    Ok(())
}
