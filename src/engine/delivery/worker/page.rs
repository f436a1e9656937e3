//! Loads: read a hook, its health and its due deliveries into a [`Page`]. Imports the store and the
//! lane's page.

use std::sync::Arc;

use super::{LoadRequest, Worker};
use crate::{
    domain::{
        acceptance::Acceptance,
        hook::Hook,
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::{
        delivery::{
            attempt::Target,
            lane::{Page, PagePart},
        },
        store::{
            Conn, Error, Store,
            bodies::Bodies,
            health, hooks,
            lines::{self, Lines, ReadRequest},
            open::Open,
            queue::{self, Kind, PageLimit},
            steps,
        },
    },
};

impl Worker {
    pub(super) async fn page(&self, id: HookId, request: LoadRequest) -> Result<Page, Error> {
        let LoadRequest { wanted, window, ask, now } = request;
        let bodies = &self.bodies;
        let conn = &mut self.store.read_for_lanes().await?;
        let Some((hook, secrets)) =
            hooks::find_with_secrets_ungranted(conn, &self.store.vault, id).await?
        else {
            return Ok(Page {
                needs_step: steps::needs_step(conn, id, None).await?,
                ..Page::default()
            });
        };
        let health = health::of(conn, id).await?;
        let is_paused = health.paused.is_some();
        let is_open = hook.enabled && !is_paused;
        let acceptance = if is_open { Acceptance::Open } else { Acceptance::Off };
        let needs_step = steps::needs_step(conn, id, Some(acceptance)).await?;
        // For a hook with ordered deliveries, a load reads either lines or the other kinds. The
        // lane asks for what was left out in its next load.
        let reads_lines = wanted.lines && is_open && hook.tuning.order_by.is_some();
        let lines = if reads_lines { Some(self.lines(conn, id, &ask, now).await?) } else { None };
        let mut search =
            Search { conn, store: &self.store, hook: &hook, now, is_open, window, bodies };
        let first_attempts = if wanted.first_attempts && !reads_lines {
            Some(search.find(Kind::First).await?)
        } else {
            None
        };
        // A hook that is not open sends tests only, and tests have no retries.
        let wants_retries = wanted.retries && is_open && !reads_lines;
        let retries = if wants_retries { Some(search.find(Kind::Retry).await?) } else { None };
        // The probe is the oldest held delivery, which is known only after the steps have held all
        // open deliveries.
        let wants_probe = wanted.probe && is_paused && hook.enabled && !needs_step;
        let probe = if wants_probe { search.probe().await? } else { None };
        let target = Target::new(hook, &secrets)
            .ok_or(Error::Inconsistent { table: "hooks", column: "api_key" })?;
        Ok(Page {
            target: Some(Arc::new(target)),
            health,
            needs_step,
            first_attempts,
            retries,
            lines,
            probe,
        })
    }

    /// Reads the requested lines of a hook with ordered deliveries. Deliveries without a body fail,
    /// so they do not block their line.
    async fn lines(
        &self,
        conn: &mut Conn,
        hook: HookId,
        ask: &ReadRequest,
        now: Timestamp,
    ) -> Result<Lines, Error> {
        let mut found = lines::read(conn, hook, ask, now, &self.bodies).await?;
        let mut bodiless = Vec::new();
        for line in &mut found.lines {
            bodiless.extend(line.due.extract_if(.., |open| !open.has_body()));
        }
        fail_bodiless(&self.store, &bodiless, now).await?;
        Ok(found)
    }
}

/// Queries for one hook's due deliveries.
struct Search<'a> {
    conn: &'a mut Conn,
    store: &'a Store,
    hook: &'a Hook,
    now: Timestamp,
    is_open: bool,
    window: PageLimit,
    bodies: &'a Bodies,
}

impl Search<'_> {
    /// The due deliveries of one kind, and when the next one after them is due.
    async fn find(&mut self, kind: Kind) -> Result<PagePart, Error> {
        let Self { conn, hook, now, is_open, window, bodies, .. } = self;
        let (due, is_full): (Vec<Open>, bool) =
            queue::due(conn, hook, kind, *now, !*is_open, *window, bodies).await?;
        let (due, bodiless): (Vec<Open>, Vec<Open>) = due.into_iter().partition(Open::has_body);
        fail_bodiless(self.store, &bodiless, *now).await?;
        let more_at =
            if is_full { Some(*now) } else { queue::next_due(conn, hook, kind, *now).await? };
        Ok(PagePart { due, more_at: more_at.filter(|_| *is_open) })
    }

    /// The probe of a paused hook: a held delivery that has a body.
    async fn probe(&mut self) -> Result<Option<Open>, Error> {
        loop {
            match queue::probe(self.conn, self.hook, self.bodies).await? {
                Some(open) if !open.has_body() => {
                    fail_bodiless(self.store, &[open], self.now).await?
                }
                probe => return Ok(probe),
            }
        }
    }
}

/// Fails open deliveries whose event has lost its body to retention: an empty body must never be
/// sent, and they must not stay open forever.
async fn fail_bodiless(store: &Store, bodiless: &[Open], now: Timestamp) -> Result<(), Error> {
    if bodiless.is_empty() {
        return Ok(());
    }
    let ids: Vec<DeliveryId> = bodiless.iter().map(|open| open.id).collect();
    tracing::warn!(deliveries = ids.len(), "open deliveries failed: retention removed their body");
    store
        .write_alone(move |conn| {
            Box::pin(async move { queue::fail_without_body(conn, &ids, now).await })
        })
        .await
}
