//! The context of an operation: the portal's shared state and the acting identity.
//! [`OpCtx::require`] checks a permission and returns its grant; the store's functions demand one.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        permission::{Actor, Forbidden, Grant, Permission, Right},
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
        password::Passwords,
        rate_limit::{RateLimit, UserQueue},
        refusals::Refusals,
        throttle::Throttle,
        token_cache::TokenCache,
    },
};

/// The running portal, shared by all requests.
pub struct Portal {
    pub dispatcher: Dispatcher,
    pub settings: Settings,
    pub passwords: Passwords,
    pub throttle: Throttle,
    pub tokens: TokenCache,
    pub refusals: Refusals,
    /// Limits tests of hooks that are not saved, per user.
    pub unsaved_tests: RateLimit,
    /// Limits tests of saved hooks, per user and hook.
    pub tests: RateLimit,
    /// Limits forms that are kept while their user is signed out, per network.
    pub kept_forms: RateLimit,
    /// Limits the quick search, per user.
    pub lookups: RateLimit,
    /// Limits full-text searches in payloads.
    pub searches: UserQueue,
    /// Limits exports of deliveries: one at a time for each user.
    pub exports: UserQueue,
    /// Cached balance: when it was read and for how long it is valid. Reading it counts every row.
    pub balance: Mutex<Option<(Stopwatch, Duration, Balance)>>,
    pub started_at: Timestamp,
    /// An event was delivered, so the first steps are done. Set once it was seen.
    pub is_set_up: AtomicBool,
    /// Cached number of undelivered events, and when it was read.
    pub undelivered: Mutex<Option<(Stopwatch, i64)>>,
    /// Cancelled at shutdown: long-lived responses such as event streams end.
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
            tokens: TokenCache::default(),
            refusals: Refusals::default(),
            unsaved_tests: RateLimit::new(12, 4),
            tests: RateLimit::new(30, 64),
            kept_forms: RateLimit::new(20, 8),
            lookups: RateLimit::new(240, 16),
            searches: UserQueue::new(2, 32),
            exports: UserQueue::new(4, 1),
            balance: Mutex::default(),
            started_at,
            is_set_up: AtomicBool::default(),
            undelivered: Mutex::default(),
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

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Not signed in and no valid token.
    Unknown,
    Forbidden(Permission),
}

impl From<Forbidden> for Denied {
    fn from(Forbidden(permission): Forbidden) -> Self {
        Self::Forbidden(permission)
    }
}

/// The context of one request.
#[derive(Clone)]
pub struct OpCtx {
    pub portal: Arc<Portal>,
    /// The acting identity, if authenticated.
    pub actor: Option<Actor>,
    /// The user, if the actor is a person.
    pub user: Option<User>,
    /// The client's address; `None` for a command.
    pub client: Option<IpAddr>,
    /// The `Idempotency-Key`, if any. What the request creates is recorded with `store::once::note`
    /// in the same transaction.
    pub once: Option<Once>,
}

impl OpCtx {
    pub fn anonymous(portal: Arc<Portal>) -> Self {
        Self { portal, actor: None, user: None, client: None, once: None }
    }

    /// For commands of the portal itself, which run next to the database and have every permission.
    pub fn portal_itself(portal: Arc<Portal>) -> Self {
        Self { portal, actor: Some(Actor::portal()), user: None, client: None, once: None }
    }

    /// Checks that the actor has this permission and returns the proof.
    pub fn require<R: Right>(&self, right: R) -> Result<Grant<R>, Denied> {
        Ok(self.actor()?.require(right)?)
    }

    /// Checks a permission that is known only at run time. It gives no grant.
    pub fn check(&self, permission: Permission) -> Result<(), Denied> {
        Ok(self.actor()?.check(permission)?)
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.check(permission).is_ok()
    }

    /// Whose limits count for what is done.
    pub fn limited_as(&self) -> &str {
        self.actor.as_ref().map_or("", |actor| &actor.limited_as)
    }

    fn actor(&self) -> Result<&Actor, Denied> {
        self.actor.as_ref().ok_or(Denied::Unknown)
    }
}
