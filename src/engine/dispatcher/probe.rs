//! Checks of a callback URL before a delivery: is it allowed, does its name resolve, does it accept
//! connections, and what does it respond to a test request?

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
        delivery::{attempt::Target, dial::connect_any},
        store::{hooks::Secrets, open::Open},
    },
};

/// Time limit for the connection test. Its result is only a warning.
const REACH_TIMEOUT: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Validates a callback URL with the rules that also apply to every attempt.
    pub async fn validate_url(&self, raw: &str) -> Result<Endpoint, UrlProblem> {
        let endpoint = endpoint::parse(raw, self.settings.egress.allow_http, |address| {
            self.guard.may_dial(address)
        })?;
        // A name of a private network must resolve into a range that the operator allowed.
        if let Host::Name { name, private: Some(private) } = &endpoint.host
            && self.resolver.vetted(name, true).await.is_err()
        {
            return Err(private.problem());
        }
        Ok(endpoint)
    }

    /// A warning if the name in a valid URL does not resolve to an allowed address.
    pub async fn dns_warning(&self, endpoint: &Endpoint) -> Option<String> {
        let Host::Name { name, .. } = &endpoint.host else { return None };
        let problem = self.resolver.vetted(name, true).await.err()?;
        Some(format!("Deliveries to {name} will fail: {problem}."))
    }

    /// A warning if nothing accepts connections at a valid URL. Sends no data.
    pub async fn connect_warning(&self, endpoint: &Endpoint) -> Option<String> {
        let addresses = match &endpoint.host {
            Host::Ip(address) => vec![*address],
            // [`Dispatcher::dns_warning`] reports a name that does not resolve.
            Host::Name { name, .. } => self.resolver.vetted(name, false).await.ok()?.addresses,
        };
        let addresses: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address, endpoint.port)).collect();
        match tokio::time::timeout(REACH_TIMEOUT, connect_any(&addresses)).await {
            Ok(Ok(_)) => None,
            _ => Some(format!(
                "Can't connect to {}, port {}. Deliveries will fail until it accepts connections.",
                endpoint.url.host_str().unwrap_or_default(),
                endpoint.port
            )),
        }
    }

    /// Sends one test request for a hook that may be unsaved, with the same client, guard, headers
    /// and signature as a delivery. Records nothing and does not change the hook's health. `None`
    /// if the secrets are malformed.
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
