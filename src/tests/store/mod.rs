//! The store's contract: every function, on both databases.

mod accounts;
mod balance;
mod dismissals;
mod hooks;
mod log;
mod opening;
mod people;
mod plans;
mod queue;
mod writer;

use service_hooks::{
    domain::{
        event::EventType,
        hook::{ApiKey, Hook},
        id::HookId,
        permission::{Actor, Grant, Right, right},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        store::{Error, Store, hooks as store_hooks, hooks::Secrets},
    },
};

/// A grant for a test: permissions are tested elsewhere.
pub fn grant<R: Right>(right: R) -> Grant<R> {
    Actor::portal().require(right).unwrap()
}

pub fn hook(event_type: EventType, enabled: bool) -> Hook {
    Hook {
        id: HookId(Clock::System.id()),
        name: "CRM <call-backs> é".into(),
        event_type,
        callback_url: "https://example.com/in?x=1".into(),
        enabled,
        off_reason: None,
        api_key_hint: "••••a91f".into(),
        tuning: service_hooks::domain::hook::Tuning::default(),
        created_at: Timestamp(1000),
        updated_at: Timestamp(1000),
        version: 1,
    }
}

pub fn secrets() -> Secrets {
    Secrets { api_key: ApiKey::parse("CANARY-key").unwrap(), signing_secret: "whsec_CANARY".into() }
}

/// Writes with the store's own writer.
macro_rules! write {
    ($store:expr, |$conn:ident| $body:expr) => {
        $store
            .write::<_, service_hooks::engine::store::Error, _>(move |$conn| {
                Box::pin(async move { $body })
            })
            .await
    };
}
pub(crate) use write;

pub async fn insert_hook(store: &Store, event_type: EventType, enabled: bool) -> Hook {
    let made = hook(event_type, enabled);
    let (row, vault) = (made.clone(), store.vault.clone());
    let written: Result<(), Error> = write!(store, |conn| store_hooks::insert(
        conn,
        &grant(right::HooksWrite),
        &vault,
        &row,
        &secrets()
    )
    .await);
    written.unwrap();
    made
}
