//! Writes audit entries for refused requests, which
//! [`auth::refusals`](crate::portal::auth::refusals) counts.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    domain::permission::{Actor, right},
    engine::store::{self, audit, error::chain},
    portal::{
        auth::{client::network, refusals::Refusal},
        ctx::Portal,
    },
};

const INTERVAL: Duration = Duration::from_secs(60);

/// Records a refused request. Does not wait for the database.
pub fn note(portal: &Arc<Portal>, kind: Refusal, client: Option<IpAddr>) {
    let origin = client.map_or_else(
        || "from an unknown address".to_owned(),
        |client| format!("from {}", network(client)),
    );
    if !portal.refusals.count(kind, origin.clone()) {
        return;
    }
    let portal = portal.clone();
    tokio::spawn(async move {
        let mut line = Some(origin);
        while let Some(detail) = line {
            write(&portal, kind, detail).await;
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                // At shutdown the pending line is written at once, but the store may close first.
                () = portal.stopping.cancelled() => {}
            }
            line = portal.refusals.take_line(kind);
        }
    });
}

async fn write(portal: &Arc<Portal>, kind: Refusal, detail: String) {
    tracing::warn!(detail, "{}", kind.action());
    let Ok(grant) = Actor::portal().require(right::SystemRead) else { return };
    let clock = portal.clock().clone();
    let noted: Result<(), store::Error> = portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                audit::note(conn, &clock, &grant, kind.action(), kind.action(), &detail).await
            })
        })
        .await;
    if let Err(error) = noted {
        tracing::warn!(error = chain(&error), "failed to write a refused request to the audit log");
    }
}
