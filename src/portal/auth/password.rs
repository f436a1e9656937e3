//! Password hashing with Argon2id. Each hash takes 19 MiB and tens of milliseconds, so concurrent
//! hashes are limited by a [`fair_queue`](super::fair_queue): a flood of sign-ins waits instead of
//! filling the memory.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::fair_queue::{FairQueue, QueueKey, TooBusy};
use crate::domain::{invalid::Invalid, user::parse_password};

mod forms;
mod strength;

/// Hash that is verified when the account does not exist, so that the response time does not reveal
/// which accounts exist.
const DUMMY_HASH: &str = concat!(
    "$argon2id$v=19$m=19456,t=2,p=1$c2VydmljZS1ob29rcy1ub2JvZHk",
    "$Zmm0iTxmFjHVPZBNXGrXbRrOpgRRYRR0zPgbXgqFtBM"
);

/// Argon2id with OWASP's minimum parameters: 19 MiB, two passes.
#[derive(Clone, Default)]
pub struct Passwords {
    queue: FairQueue,
}

impl Passwords {
    /// Whether this password may be chosen. `about` holds public facts about the user (name,
    /// email).
    pub async fn validate(
        &self,
        key: QueueKey,
        password: String,
        about: Vec<String>,
    ) -> Result<Result<(), Invalid>, TooBusy> {
        self.bounded(key, move || {
            let password = strength::normalised(&password);
            parse_password(&password)?;
            strength::validate(&password, &about)
        })
        .await
    }

    pub async fn hash(&self, key: QueueKey, password: String) -> Result<String, TooBusy> {
        self.bounded(key, move || {
            let password = strength::normalised(&password);
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.expect("the default parameters are valid and a salt can be drawn").to_string()
        })
        .await
    }

    /// Whether the password matches the stored hash. Without a stored hash the same work is done
    /// against [`DUMMY_HASH`] and the result is `false`.
    ///
    /// Older hashes were made of the text as typed. Where that differs from the normalised text,
    /// both are tried. The time depends only on the typed text, so it does not reveal whether the
    /// account exists.
    pub async fn verify(
        &self,
        key: QueueKey,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, TooBusy> {
        self.bounded(key, move || {
            let exists = stored.is_some();
            let stored = stored.unwrap_or_else(|| DUMMY_HASH.to_owned());
            let matches = |text: &str| {
                let hash = PasswordHash::new(&stored);
                hash.is_ok_and(|hash| {
                    Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()
                })
            };
            let normalised = strength::normalised(&password);
            let as_typed = normalised != password && matches(&password);
            (matches(&normalised) || as_typed) && exists
        })
        .await
    }

    async fn bounded<T: Send + 'static>(
        &self,
        key: QueueKey,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TooBusy> {
        let permit = self.queue.take(key).await?;
        // The permit is held until the work ends, even if the client disconnects.
        let work = move || (work(), drop(permit)).0;
        tokio::task::spawn_blocking(work).await.map_err(|_| TooBusy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash(QueueKey::Portal, "correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(
            passwords
                .verify(QueueKey::Portal, "correct horse battery".into(), Some(hash.clone()))
                .await,
            Ok(true)
        );
        assert_eq!(passwords.verify(QueueKey::Portal, "wrong".into(), Some(hash)).await, Ok(false));
        assert_eq!(
            passwords.verify(QueueKey::Portal, "wrong".into(), Some("not a hash".into())).await,
            Ok(false)
        );
    }

    /// Some keyboards send an accented letter as one character, others as two.
    #[tokio::test]
    async fn an_accented_letter_matches_in_either_unicode_form() {
        let (composed, decomposed) =
            ("Z\u{fc}rich f\u{e4}hrt elf", "Zu\u{308}rich fa\u{308}hrt elf");
        let mixed = "Zu\u{308}rich f\u{e4}hrt elf";
        let passwords = Passwords::default();
        let hash = passwords.hash(QueueKey::Portal, decomposed.into()).await.unwrap();
        for typed in [composed, mixed] {
            assert_eq!(
                passwords.verify(QueueKey::Portal, typed.into(), Some(hash.clone())).await,
                Ok(true),
                "{typed}"
            );
        }
        assert_eq!(
            passwords.verify(QueueKey::Portal, "Zurich fahrt elf".into(), Some(hash)).await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn a_hash_of_the_text_as_typed_still_matches() {
        let typed = "Zu\u{308}rich fa\u{308}hrt elf";
        let passwords = Passwords::default();
        let older = Argon2::default().hash_password(typed.as_bytes()).unwrap().to_string();
        assert_eq!(
            passwords.verify(QueueKey::Portal, typed.into(), Some(older.clone())).await,
            Ok(true)
        );
        assert_eq!(
            passwords
                .verify(QueueKey::Portal, "Z\u{fc}rich f\u{e4}hrt elf".into(), Some(older))
                .await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn a_weak_password_is_refused() {
        let passwords = Passwords::default();
        for (password, code) in
            [("            ", "blank"), ("short", "too-short"), ("aaaaaaaaaaaa", "weak")]
        {
            let result =
                passwords.validate(QueueKey::Portal, password.into(), Vec::new()).await.unwrap();
            assert_eq!(result.unwrap_err().0[0].code, code);
        }
    }

    #[test]
    fn the_dummy_hash_costs_as_much_as_a_real_one() {
        let dummy = PasswordHash::new(DUMMY_HASH).unwrap();
        assert_eq!(dummy.params.get_decimal("m"), Some(19_456));
        assert_eq!(dummy.params.get_decimal("t"), Some(2));
    }
}
