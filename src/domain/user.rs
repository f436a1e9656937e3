//! People who sign in, and what may be typed as their e-mail address and password.

use serde::{Deserialize, Serialize};

use super::{
    id::UserId,
    invalid::Invalid,
    permission::{Permissions, Role},
    preferences::Preferences,
    time::Timestamp,
};

/// In characters. NIST SP 800-63B and OWASP ASVS 6.2: length over composition rules. The maximum
/// bounds the hashing work.
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
    let well_formed = !local.is_empty()
        && !host.is_empty()
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if !well_formed || email.len() > MAX_EMAIL {
        return wrong("format", "Enter an e-mail address in the form name@example.com.");
    }
    Ok(email.to_owned())
}

/// Judges the length of a new password, in characters. It must be normalised, so that an accent
/// counts the same however it was typed. Whether it is easy to guess is the server's to judge.
pub fn parse_password(normalised: &str) -> Result<(), Invalid> {
    let wrong = |code, message: &str| Err(Invalid::one("password", code, message));
    let length = normalised.chars().count();
    if length > 0 && normalised.chars().all(char::is_whitespace) {
        return wrong(
            "blank",
            "This password consists of blanks only. Choose several unrelated words.",
        );
    }
    if length < MIN_PASSWORD {
        return wrong(
            "too-short",
            "Choose a password of at least 12 characters. Tip: use several unrelated words.",
        );
    }
    if length > MAX_PASSWORD {
        return wrong("too-long", "Choose a password of at most 1,024 characters.");
    }
    Ok(())
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
    fn passwords_are_judged_by_their_characters() {
        let code = |password: &str| {
            parse_password(password).err().map(|invalid| invalid.0[0].code.clone())
        };
        assert_eq!(code("twelve chars"), None);
        assert_eq!(code(&"é".repeat(1024)), None);
        for (password, expected) in [
            ("", "too-short"),
            ("ééééééééééé", "too-short"),
            ("            ", "blank"),
            ("\u{a0}\t\u{2003}", "blank"),
            (&"x".repeat(1025), "too-long"),
        ] {
            assert_eq!(code(password).as_deref(), Some(expected), "{password:?}");
        }
    }
}
