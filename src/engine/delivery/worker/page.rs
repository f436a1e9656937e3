//! What a load reads of a hook: itself, its health, and what of it is due. Imports the store and
//! the lane's page.

use std::sync::Arc;

use super::{Sought, Worker};
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
            lane::{Found, Page},
        },
        store::{
            Conn, Error, Store,
            bodies::Bodies,
            health, hooks,
            lines::{self, Ask, Lines},
            open::Open,
            queue::{self, Kind, Room},
            steps,
        },
    },
};

impl Worker {
    pub(super) async fn page(&self, id: HookId, sought: Sought) -> Result<Page, Error> {
        let Sought { wanted, window, ask, now } = sought;
        let bodies = &self.bodies;
        let conn = &mut self.store.read_for_lanes().await?;
        let Some((hook, secrets)) = hooks::load_with_secrets(conn, &self.store.vault, id).await?
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
        // The lines of a hook that keeps an order come first; what has no key is asked for again.
        let reads_lines = wanted.lines && is_open && hook.tuning.order_by.is_some();
        let lines = if reads_lines { Some(self.lines(conn, id, &ask, now).await?) } else { None };
        let mut search =
            Search { conn, store: &self.store, hook: &hook, now, is_open, window, bodies };
        let fresh =
            if wanted.fresh && !reads_lines { Some(search.find(Kind::First).await?) } else { None };
        // A hook that is not open sends tests only, and a test is never tried again.
        let seeks_again = wanted.again && is_open && !reads_lines;
        let again = if seeks_again { Some(search.find(Kind::Again).await?) } else { None };
        // The probe is the oldest held delivery: that is known only once the steps have held all of
        // them.
        let probes = wanted.probe && is_paused && hook.enabled && !needs_step;
        let probe = if probes { search.probe().await? } else { None };
        let target = Target::new(hook, &secrets)
            .ok_or(Error::Inconsistent { table: "hooks", column: "api_key" })?;
        Ok(Page { target: Some(Arc::new(target)), health, needs_step, fresh, again, lines, probe })
    }

    /// What a hook that keeps an order has open. Deliveries without a body are given up: what is
    /// behind them comes next.
    async fn lines(
        &self,
        conn: &mut Conn,
        hook: HookId,
        ask: &Ask,
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

/// Looks for what of a hook is due.
struct Search<'a> {
    conn: &'a mut Conn,
    store: &'a Store,
    hook: &'a Hook,
    now: Timestamp,
    is_open: bool,
    window: Room,
    bodies: &'a Bodies,
}

impl Search<'_> {
    /// What of one kind is due, and when the rest is.
    async fn find(&mut self, kind: Kind) -> Result<Found, Error> {
        let Self { conn, hook, now, is_open, window, bodies, .. } = self;
        let (due, is_full): (Vec<Open>, bool) =
            queue::due(conn, hook, kind, *now, !*is_open, *window, bodies).await?;
        let (due, bodiless): (Vec<Open>, Vec<Open>) = due.into_iter().partition(Open::has_body);
        fail_bodiless(self.store, &bodiless, *now).await?;
        let more_at =
            if is_full { Some(*now) } else { queue::next_due(conn, hook, kind, *now).await? };
        Ok(Found { due, more_at: more_at.filter(|_| *is_open) })
    }

    /// What a paused hook is probed with.
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

/// Settles open deliveries whose event lost its body: an empty body must never be sent, and they
/// must not wait for ever.
async fn fail_bodiless(store: &Store, bodiless: &[Open], now: Timestamp) -> Result<(), Error> {
    if bodiless.is_empty() {
        return Ok(());
    }
    let ids: Vec<DeliveryId> = bodiless.iter().map(|open| open.id).collect();
    tracing::warn!(
        deliveries = ids.len(),
        "open deliveries without a body are given up: retention removed it"
    );
    store
        .write_alone(move |conn| Box::pin(async move { queue::give_up(conn, &ids, now).await }))
        .await
}
