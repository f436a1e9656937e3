//! The [`Grant`]: proof that an actor has a permission. A store function for users and programs
//! demands a grant of the permission that it is for, so a forgotten or a wrong check does not
//! compile.

use std::marker::PhantomData;

use super::{Permission, Permissions, right};

/// A permission as a type. [`right`] has them all; no other module can add one.
pub trait Right: sealed::Sealed + Send + Sync + 'static {
    const PERMISSION: Permission;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A grant of this right does where a store function demands one of `R`.
///
/// It is for functions that operations with different permissions share. A function without this
/// bound demands exactly the right that it names. No actor gets more by it: which permission an
/// operation requires is decided there, and at run time no permission implies another.
#[diagnostic::on_unimplemented(
    message = "a grant of `{Self}` is not one of `{R}`",
    note = "require `{R}`; the table of implied rights is in `domain::permission::grant`"
)]
pub trait Implies<R: Right>: Right {}

impl<R: Right> Implies<R> for R {}

// A change of a hook shows the hook, its health, and which other hooks have its URL.
impl Implies<right::HooksRead> for right::HooksWrite {}
// A test of a hook shows the hook.
impl Implies<right::HooksRead> for right::HooksTest {}
// A delivery is shown with its hook, the log with the names of the hooks.
impl Implies<right::HooksRead> for right::DeliveriesRead {}
// Redelivery checks the hook, and shows its health and since when it is off.
impl Implies<right::HooksRead> for right::DeliveriesReplay {}

// The result of a test is a delivery with its attempts.
impl Implies<right::DeliveriesRead> for right::HooksTest {}
// Redelivery returns the delivery, a change of a job the job.
impl Implies<right::DeliveriesRead> for right::DeliveriesReplay {}
// A payload is found by its delivery, and is stored with the event.
impl Implies<right::DeliveriesRead> for right::PayloadsRead {}

/// Who acts: a signed-in user, a program with a token, or the portal itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// For the audit log: `user:ann@example.org`, `token:backend`, `portal`.
    pub label: String,
    /// The id of the user or token. Unlike the label, it is unique.
    pub identity: String,
    /// Whose limits count: the id of the user, also for the tokens of this user, or of the token.
    pub limited_as: String,
    pub permissions: Permissions,
}

/// The missing permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden(pub Permission);

impl Actor {
    /// The portal itself: at start-up, for the engine's own decisions, and for commands that work
    /// on the database.
    pub fn portal() -> Self {
        Self {
            label: "portal".to_owned(),
            identity: "portal".to_owned(),
            limited_as: "portal".to_owned(),
            permissions: Permission::ALL.iter().copied().collect(),
        }
    }

    /// Checks a permission: `actor.require(right::HooksRead)?`. The only way to get a [`Grant`].
    pub fn require<R: Right>(&self, _right: R) -> Result<Grant<R>, Forbidden> {
        self.check(R::PERMISSION)?;
        Ok(Grant { by: self.label.clone(), right: PhantomData })
    }

    /// Checks a permission that is known only at run time. It gives no grant.
    pub fn check(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.permissions.has(permission) { Ok(()) } else { Err(Forbidden(permission)) }
    }
}

/// Proof that the permission `R` was checked, and for which actor. Only [`Actor::require`] creates
/// it.
///
/// ```
/// use service_hooks::domain::permission::{Actor, Forbidden, Grant, Implies, right};
///
/// fn find_hook(_by: &Grant<impl Implies<right::HooksRead>>) {}
/// fn delete_hook(_by: &Grant<right::HooksWrite>) {}
///
/// find_hook(&Actor::portal().require(right::HooksRead)?);
/// find_hook(&Actor::portal().require(right::HooksWrite)?);
/// delete_hook(&Actor::portal().require(right::HooksWrite)?);
/// # Ok::<(), Forbidden>(())
/// ```
///
/// The compiler refuses a grant of another permission:
///
/// ```compile_fail,E0308
/// # use service_hooks::domain::permission::{Actor, Forbidden, Grant, Implies, right};
/// # fn delete_hook(_by: &Grant<right::HooksWrite>) {}
/// delete_hook(&Actor::portal().require(right::HooksRead)?);
/// # Ok::<(), Forbidden>(())
/// ```
///
/// ```compile_fail,E0277
/// # use service_hooks::domain::permission::{Actor, Forbidden, Grant, Implies, right};
/// # fn find_hook(_by: &Grant<impl Implies<right::HooksRead>>) {}
/// find_hook(&Actor::portal().require(right::AuditRead)?);
/// # Ok::<(), Forbidden>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grant<R: Right> {
    by: String,
    right: PhantomData<R>,
}

impl<R: Right> Grant<R> {
    /// The actor's label, for the audit log.
    pub fn by(&self) -> &str {
        &self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::permission::Role;

    #[test]
    fn a_grant_is_of_a_permission_that_the_actor_has() {
        let actor = Actor {
            label: "user:a".into(),
            identity: "a".into(),
            limited_as: "a".into(),
            permissions: Role::Developer.permissions(),
        };
        let missing = Forbidden(Permission::HooksWrite);
        assert_eq!(actor.require(right::HooksWrite).unwrap_err(), missing);
        assert_eq!(actor.check(Permission::HooksWrite), Err(missing));
        assert_eq!(actor.check(Permission::HooksTest), Ok(()));
        let grant: Grant<right::HooksTest> = actor.require(right::HooksTest).unwrap();
        assert_eq!(grant.by(), "user:a");
    }

    #[test]
    fn an_implied_right_is_a_matter_of_types_and_gives_no_permission() {
        fn needed<R: Implies<right::HooksRead>>(_right: R) -> Permission {
            R::PERMISSION
        }
        let wanted = [Permission::HooksRead, Permission::HooksWrite];
        assert_eq!([needed(right::HooksRead), needed(right::HooksWrite)], wanted);
        let actor = Actor {
            label: "token:a".into(),
            identity: "a".into(),
            limited_as: "a".into(),
            permissions: [Permission::HooksWrite].into_iter().collect(),
        };
        assert!(actor.require(right::HooksWrite).is_ok());
        assert!(actor.require(right::HooksRead).is_err());
    }
}
