//! The users of the demo: one of each role, in different time zones.

use crate::{
    domain::{
        permission::Role,
        preferences::{Hours, Preferences, Theme},
    },
    engine::store::Error as StoreError,
    portal::{
        ctx::{Denied, OpCtx},
        ops::{Error, users},
        store,
    },
};

/// Why nothing was written.
#[derive(Debug)]
pub enum Unfilled {
    HasHooks,
    /// A user has this address already.
    HasUser(&'static str),
    Failed(Error),
}

impl From<Error> for Unfilled {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Denied> for Unfilled {
    fn from(denied: Denied) -> Self {
        Self::Failed(denied.into())
    }
}

impl From<StoreError> for Unfilled {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A user of the demo.
pub struct Person {
    pub email: &'static str,
    name: &'static str,
    pub role: Role,
    time_zone: &'static str,
    hours: Hours,
    theme: Theme,
}

const fn person(email: &'static str, name: &'static str, role: Role) -> Person {
    let (hours, theme) = (Hours::TwentyFour, Theme::System);
    Person { email, name, role, time_zone: "UTC", hours, theme }
}

/// All users of the demo.
pub const PEOPLE: &[Person] = &[
    Person {
        time_zone: "Europe/Berlin",
        ..person("ada.admin@northwind.example", "Ada Admin", Role::Administrator)
    },
    Person {
        time_zone: "America/New_York",
        hours: Hours::Twelve,
        ..person("mia.manager@northwind.example", "Mia Manager", Role::IntegrationManager)
    },
    Person {
        time_zone: "Asia/Kathmandu",
        theme: Theme::Dark,
        ..person("dev@northwind.example", "देव Developer", Role::Developer)
    },
    person("olga.auditor@northwind.example", "Olga Auditor", Role::Auditor),
    person("alex.agent@northwind.example", "Alex Agent", Role::Agent),
];

/// Creates them. Fails before anything is written if one of the addresses is taken.
pub async fn create(ctx: &OpCtx, password: &str) -> Result<(), Unfilled> {
    let database = ctx.portal.store();
    let mut conn = database.read().await?;
    for Person { email, .. } in PEOPLE {
        if store::users::by_email(&mut conn, email).await?.is_some() {
            return Err(Unfilled::HasUser(email));
        }
    }
    drop(conn);
    for Person { email, name, role, time_zone, hours, theme } in PEOPLE {
        let new = users::NewUser {
            email: (*email).to_owned(),
            name: (*name).to_owned(),
            role: role.key().to_owned(),
            password: password.to_owned(),
        };
        let user = users::create(ctx, new).await?;
        let preferences =
            Preferences { theme: *theme, time_zone: (*time_zone).to_owned(), hours: *hours };
        let written: Result<(), StoreError> = database
            .write(move |conn| {
                Box::pin(
                    async move { store::users::set_preferences(conn, user.id, &preferences).await },
                )
            })
            .await;
        written?;
    }
    Ok(())
}
