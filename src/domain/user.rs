//! People who sign in, and what may be typed as their e-mail address and password.

use serde::{Deserialize, Serialize};

use super::{
    id::UserId,
    invalid::Invalid,
    permission::{Permissions, Role},
    preferences::Preferences,
    time::Timestamp,
};

/// NIST SP 800-63B and OWASP ASVS 6.2: length over composition rules. The maximum bounds the hashing work.
pub const MIN_PASSWORD: usize = 12;
pub const MAX_PASSWORD: usize = 1024;
pub const MAX_EMAIL: usize = 254;

/// A person, without their password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub roles: Vec<Role>,
    pub disabled: bool,
    pub created_at: Timestamp,
    pub preferences: Preferences,
}

impl User {
    pub fn permissions(&self) -> Permissions {
        self.roles.iter().fold(Permissions::default(), |all, role| all.union(role.permissions()))
    }
}

/// Judges an e-mail address as far as that is useful: something@something, no spaces, not too long.
pub fn parse_email(raw: &str) -> Result<String, Invalid> {
    let email = raw.trim();
    let wrong = |code, message: &str| Err(Invalid::one("email", code, message));
    if email.is_empty() {
        return wrong("required", "Enter an e-mail address.");
    }
    let (local, host) = email.rsplit_once('@').unwrap_or_default();
    let well_formed =
        !local.is_empty() && !host.is_empty() && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if !well_formed || email.len() > MAX_EMAIL {
        return wrong("format", "Enter an e-mail address in the form name@example.com.");
    }
    Ok(email.to_owned())
}

/// Judges a new password by its length only.
pub fn parse_password(raw: &str) -> Result<&str, Invalid> {
    let wrong = |code, message: &str| Err(Invalid::one("password", code, message));
    if raw.chars().count() < MIN_PASSWORD {
        return wrong(
            "too-short",
            "Choose a password of at least 12 characters. A few unrelated words are a good one.",
        );
    }
    if raw.len() > MAX_PASSWORD {
        return wrong("too-long", "Choose a password of at most 1,024 bytes.");
    }
    Ok(raw)
}

/// The form in which addresses are compared.
pub fn folded_email(email: &str) -> String {
    email.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(parse_email(" Ann@Example.org "), Ok("Ann@Example.org".into()));
        for bad in ["", "ann", "@x", "ann@", "a b@c", "a@b\0"] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_judged_by_length() {
        assert!(parse_password("ééééééééééééé").is_ok());
        assert!(parse_password("short").is_err());
        assert!(parse_password(&"x".repeat(1025)).is_err());
    }
}
