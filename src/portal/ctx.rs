//! What an operation is given: the portal, and who is acting. `require` is the only way to a grant,
//! and the store's functions demand one.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        id::DeliveryId,
        permission::{Actor, Grant, Permission},
        time::Timestamp,
        user::User,
    },
    engine::{
        Dispatcher,
        clock::{Clock, Stopwatch},
        config::Settings,
        store::{Store, balance::Balance, once::Once},
    },
    portal::auth::{
        known::KnownTokens,
        pace::{InTurn, Pace},
        password::Passwords,
        refusals::Refusals,
        throttle::Throttle,
    },
};

/// The running portal, shared by all requests.
pub struct Portal {
    pub dispatcher: Dispatcher,
    pub settings: Settings,
    pub passwords: Passwords,
    pub throttle: Throttle,
    pub tokens: KnownTokens,
    pub refusals: Refusals,
    /// Tests of hooks that are not saved.
    pub trials: Pace,
    /// Tests of saved ones.
    pub tests: Pace,
    /// Searches through bodies.
    pub searches: InTurn,
    /// The balance, when it was read, and for how long it is good: it counts every row.
    pub balance: Mutex<Option<(Stopwatch, Duration, Balance)>>,
    pub started_at: Timestamp,
    /// The newest delivery there is, and when that was read.
    pub newest: Mutex<Option<(Stopwatch, Option<DeliveryId>)>>,
    /// The program is being taken down: whoever only listens is to go.
    pub stopping: CancellationToken,
}

impl Portal {
    pub fn new(dispatcher: Dispatcher, settings: Settings) -> Arc<Self> {
        let started_at = dispatcher.clock().now();
        let (passwords, throttle) = (Passwords::default(), Throttle::default());
        Arc::new(Self {
            dispatcher,
            settings,
            passwords,
            throttle,
            tokens: KnownTokens::default(),
            refusals: Refusals::default(),
            trials: Pace::new(12, 4),
            tests: Pace::new(30, 64),
            searches: InTurn::new(2, 32),
            balance: Mutex::default(),
            started_at,
            newest: Mutex::default(),
            stopping: CancellationToken::new(),
        })
    }

    pub fn store(&self) -> &Store {
        self.dispatcher.store()
    }

    pub fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }
}

/// Why an operation was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody is signed in, no valid token was sent.
    Unknown,
    Forbidden(Permission),
}

/// One request's context.
#[derive(Clone)]
pub struct OpCtx {
    pub portal: Arc<Portal>,
    /// Who is acting, if anybody is known.
    pub actor: Option<Actor>,
    /// The person, where it is one.
    pub user: Option<User>,
    /// Where the request comes from, unless it is a command's.
    pub client: Option<IpAddr>,
    /// The request has an `Idempotency-Key`: what it makes is noted with `store::once::note` in the
    /// transaction that makes it.
    pub once: Option<Once>,
}

impl OpCtx {
    pub fn anonymous(portal: Arc<Portal>) -> Self {
        Self { portal, actor: None, user: None, client: None, once: None }
    }

    /// The portal's own commands, run beside the database.
    pub fn portal_itself(portal: Arc<Portal>) -> Self {
        Self { portal, actor: Some(Actor::portal()), user: None, client: None, once: None }
    }

    /// Proof that the actor has this permission.
    pub fn require(&self, permission: Permission) -> Result<Grant, Denied> {
        let actor = self.actor.as_ref().ok_or(Denied::Unknown)?;
        actor.require(permission).map_err(|forbidden| Denied::Forbidden(forbidden.0))
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.require(permission).is_ok()
    }
}
