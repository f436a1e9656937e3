//! What is asked about a callback URL before anything is delivered to it: may it be dialled, does
//! its name resolve, does anything listen there, and what would it answer.

use std::{net::SocketAddr, time::Duration};

use super::{Dispatcher, Emit};
use crate::{
    domain::{
        delivery::Attempt,
        endpoint::{self, Endpoint, Host, UrlProblem},
        hook::Hook,
        id::{DeliveryId, EventId},
    },
    engine::{
        delivery::{attempt::Target, dial::reach},
        store::{hooks::Secrets, open::Open},
    },
};

/// How long it is tried to reach a host that only a warning depends on.
const REACH: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Validates a callback URL by the rules that every send repeats.
    pub async fn validate_url(&self, raw: &str) -> Result<Endpoint, UrlProblem> {
        let endpoint = endpoint::parse(raw, self.settings.egress.allow_http, |address| {
            self.guard.may_dial(address)
        })?;
        // A name of the operator's own network needs an allowed range that it resolves into.
        if let Host::Name { name, private: Some(private) } = &endpoint.host
            && self.resolver.vetted(name, true).await.is_err()
        {
            return Err(private.problem());
        }
        Ok(endpoint)
    }

    /// A warning for a URL that was accepted: does its name resolve to something that will be
    /// dialled?
    pub async fn warn_of_url(&self, endpoint: &Endpoint) -> Option<String> {
        let Host::Name { name, .. } = &endpoint.host else { return None };
        let problem = self.resolver.vetted(name, true).await.err()?;
        Some(format!("{name}: {problem}. Deliveries will fail until that changes."))
    }

    /// A warning for a URL that was accepted: does anything accept connections there? Nothing is
    /// sent.
    pub async fn cannot_reach(&self, endpoint: &Endpoint) -> Option<String> {
        let addresses = match &endpoint.host {
            Host::Ip(address) => vec![*address],
            // That it does not resolve is told by [`Dispatcher::warn_of_url`].
            Host::Name { name, .. } => self.resolver.vetted(name, false).await.ok()?.addresses,
        };
        let addresses: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address, endpoint.port)).collect();
        match tokio::time::timeout(REACH, reach(&addresses)).await {
            Ok(Ok(_)) => None,
            _ => Some(format!(
                "Nothing accepts connections at {}, port {}, at the moment. Deliveries will fail \
                 until that changes.",
                endpoint.url.host_str().unwrap_or_default(),
                endpoint.port
            )),
        }
    }

    /// Sends one request to where a hook that need not be saved leads: with the client, the guard,
    /// the headers and the signature of every delivery, marked as a test. Nothing is recorded and
    /// nothing follows from it. `None` when the secrets are none.
    pub async fn try_out(&self, hook: Hook, secrets: &Secrets, event: Emit) -> Option<Attempt> {
        let open = Open {
            id: DeliveryId(self.clock.id()),
            event: EventId(self.clock.id()),
            hook: hook.id,
            event_type: event.event_type,
            body: event.body,
            attempts: 0,
            tries_before: 0,
            is_test: true,
            order_key: None,
        };
        let target = Target::new(hook, secrets)?;
        Some(self.sender.send(&target, &open).await.attempt)
    }
}
