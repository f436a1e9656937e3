//! Argon2id, a few at a time: each hash takes 19 MiB and tens of milliseconds, so a flood of
//! sign-ins waits for its [`turns`](super::turns) and not in memory.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::turns::{TooBusy, Turns, Who};
use crate::domain::{invalid::Invalid, user::parse_password};

mod forms;
mod strength;

/// Checked against when the address is unknown, so that the answer takes as long as for a known
/// one.
const NOBODY: &str = concat!(
    "$argon2id$v=19$m=19456,t=2,p=1$c2VydmljZS1ob29rcy1ub2JvZHk",
    "$Zmm0iTxmFjHVPZBNXGrXbRrOpgRRYRR0zPgbXgqFtBM"
);

/// Hashes and checks passwords with the parameters of OWASP's minimum (19 MiB, two passes).
#[derive(Clone, Default)]
pub struct Passwords {
    turns: Turns,
}

impl Passwords {
    /// May somebody choose this password? `about` is what others know of them.
    pub async fn validate(
        &self,
        who: Who,
        password: String,
        about: Vec<String>,
    ) -> Result<Result<(), Invalid>, TooBusy> {
        self.bounded(who, move || {
            let password = strength::normalised(&password);
            parse_password(&password)?;
            strength::validate(&password, &about)
        })
        .await
    }

    pub async fn hash(&self, who: Who, password: String) -> Result<String, TooBusy> {
        self.bounded(who, move || {
            let password = strength::normalised(&password);
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.expect("the default parameters are valid and a salt can be drawn").to_string()
        })
        .await
    }

    /// Does the password fit? Without a stored hash (nobody by that name) the same work is done,
    /// for nothing.
    ///
    /// Hashes used to be made of the text as typed: where that differs from the normalised text, it
    /// is tried as well. What this costs depends on what was typed only, so that the time does not
    /// tell who exists.
    pub async fn verify(
        &self,
        who: Who,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, TooBusy> {
        self.bounded(who, move || {
            let is_somebody = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
            let fits = |text: &str| {
                let hash = PasswordHash::new(&stored);
                hash.is_ok_and(|hash| {
                    Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()
                })
            };
            let normalised = strength::normalised(&password);
            let as_typed = normalised != password && fits(&password);
            (fits(&normalised) || as_typed) && is_somebody
        })
        .await
    }

    async fn bounded<T: Send + 'static>(
        &self,
        who: Who,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TooBusy> {
        let turn = self.turns.take(who).await?;
        // The turn lasts as long as the work, even if whoever asked for it hangs up.
        let work = move || (work(), drop(turn)).0;
        tokio::task::spawn_blocking(work).await.map_err(|_| TooBusy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_nothing_else() {
        let passwords = Passwords::default();
        let hash = passwords.hash(Who::Portal, "correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(
            passwords.verify(Who::Portal, "correct horse battery".into(), Some(hash.clone())).await,
            Ok(true)
        );
        assert_eq!(passwords.verify(Who::Portal, "wrong".into(), Some(hash)).await, Ok(false));
        assert_eq!(
            passwords.verify(Who::Portal, "wrong".into(), Some("not a hash".into())).await,
            Ok(false)
        );
    }

    /// An accent comes as one character from one keyboard and as two from another.
    #[tokio::test]
    async fn an_accent_fits_however_it_is_typed() {
        let (composed, decomposed) =
            ("Z\u{fc}rich f\u{e4}hrt elf", "Zu\u{308}rich fa\u{308}hrt elf");
        let mixed = "Zu\u{308}rich f\u{e4}hrt elf";
        let passwords = Passwords::default();
        let hash = passwords.hash(Who::Portal, decomposed.into()).await.unwrap();
        for typed in [composed, mixed] {
            assert_eq!(
                passwords.verify(Who::Portal, typed.into(), Some(hash.clone())).await,
                Ok(true),
                "{typed}"
            );
        }
        assert_eq!(
            passwords.verify(Who::Portal, "Zurich fahrt elf".into(), Some(hash)).await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_before_still_fits() {
        let typed = "Zu\u{308}rich fa\u{308}hrt elf";
        let passwords = Passwords::default();
        let older = Argon2::default().hash_password(typed.as_bytes()).unwrap().to_string();
        assert_eq!(
            passwords.verify(Who::Portal, typed.into(), Some(older.clone())).await,
            Ok(true)
        );
        assert_eq!(
            passwords.verify(Who::Portal, "Z\u{fc}rich f\u{e4}hrt elf".into(), Some(older)).await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn a_weak_password_is_not_for_choosing() {
        let passwords = Passwords::default();
        for (password, code) in
            [("            ", "blank"), ("short", "too-short"), ("aaaaaaaaaaaa", "weak")]
        {
            let judged =
                passwords.validate(Who::Portal, password.into(), Vec::new()).await.unwrap();
            assert_eq!(judged.unwrap_err().0[0].code, code);
        }
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.params.get_decimal("m"), Some(19_456));
        assert_eq!(nobody.params.get_decimal("t"), Some(2));
    }
}
