//! Permissions, the built-in roles, and the [`Grant`]: proof that a permission was checked. Store
//! functions for users and programs demand the grant of one permission, by its type in [`right`],
//! so that a forgotten or a wrong check does not compile.

mod grant;

pub use grant::{Actor, Forbidden, Grant, Implies, Right};
use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($variant:ident = $key:literal, $words:literal;)+) => {
        /// A permission. `token create --permission` takes its key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission { $(#[serde(rename = $key)] $variant),+ }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// What it allows: a clause such as "view hooks ...".
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words),+ }
            }

            pub fn from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|permission| permission.key() == key)
            }
        }

        /// Each permission as a type, with the same name. A [`Grant`] is typed by it.
        pub mod right {
            use crate::domain::permission::{Permission, Right, grant::sealed::Sealed};

            $(
                #[doc = concat!("`", $key, "`: ", $words, ".")]
                #[derive(Clone, Copy, Debug)]
                pub struct $variant;

                impl Sealed for $variant {}

                impl Right for $variant {
                    const PERMISSION: Permission = Permission::$variant;
                }
            )+
        }
    };
}

permissions! {
    HooksRead = "hooks:read", "view hooks, the event catalogue and schemas";
    HooksWrite = "hooks:write", "create, edit, turn on or off, and delete hooks";
    HooksTest = "hooks:test", "send tests";
    DeliveriesRead = "deliveries:read", "view deliveries, their outcomes and headers";
    DeliveriesReplay = "deliveries:replay", "redeliver events";
    PayloadsRead = "payloads:read", "view event payloads";
    SecretsReveal = "secrets:reveal", "view API keys and signing secrets";
    EventsEmit = "events:emit", "send events";
    UsersManage = "users:manage", "manage users";
    RolesManage = "roles:manage", "manage roles";
    TokensManage = "tokens:manage", "manage tokens";
    AuditRead = "audit:read", "view the audit log";
    SystemRead = "system:read", "view the system status";
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions(u32);

impl Permissions {
    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Has it one of the first six, which give access to service hooks at all?
    pub fn has_integration(self) -> bool {
        Permission::ALL[..6].iter().any(|permission| self.has(*permission))
    }

    /// Parses space-separated keys from the database. Unknown ones (of a newer version) grant
    /// nothing.
    pub fn parse(text: &str) -> Self {
        text.split_whitespace().filter_map(Permission::from_key).collect()
    }

    pub fn text(self) -> String {
        self.iter().map(Permission::key).collect::<Vec<_>>().join(" ")
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u32))
    }
}

/// The built-in roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Administrator,
    IntegrationManager,
    Developer,
    Auditor,
    Agent,
}

impl Role {
    pub const ALL: &[Self] = &[
        Self::Administrator,
        Self::IntegrationManager,
        Self::Developer,
        Self::Auditor,
        Self::Agent,
    ];

    pub fn key(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::IntegrationManager => "integration-manager",
            Self::Developer => "developer",
            Self::Auditor => "auditor",
            Self::Agent => "agent",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.key() == key)
    }

    pub fn permissions(self) -> Permissions {
        use Permission as P;
        let permissions: &[P] = match self {
            Self::Administrator => P::ALL,
            Self::IntegrationManager => &[
                P::HooksRead,
                P::HooksWrite,
                P::HooksTest,
                P::DeliveriesRead,
                P::DeliveriesReplay,
                P::PayloadsRead,
                P::SystemRead,
            ],
            Self::Developer => &[P::HooksRead, P::HooksTest, P::DeliveriesRead, P::SystemRead],
            Self::Auditor => &[P::HooksRead, P::DeliveriesRead, P::AuditRead, P::SystemRead],
            Self::Agent => &[],
        };
        permissions.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_their_permissions() {
        let count = |role: Role| role.permissions().iter().count();
        assert_eq!(Role::ALL.iter().map(|role| count(*role)).collect::<Vec<_>>(), [13, 7, 4, 4, 0]);
        assert!(!Role::Developer.permissions().has(Permission::PayloadsRead));
        assert!(!Role::IntegrationManager.permissions().has(Permission::SecretsReveal));
        assert!(!Role::Agent.permissions().has_integration());
        assert!(Role::Auditor.permissions().has_integration());
    }

    #[test]
    fn sets_round_trip_through_their_text_and_unknown_keys_grant_nothing() {
        for role in Role::ALL {
            assert_eq!(Permissions::parse(&role.permissions().text()), role.permissions());
        }
        assert_eq!(Permissions::parse("everything hooks:* hooks:reads"), Permissions::default());
    }
}
