//! Users who sign in, and validation of their e-mail address and password.

use serde::{Deserialize, Serialize};

use super::{
    id::UserId,
    invalid::Invalid,
    permission::{Permissions, Role},
    preferences::Preferences,
    time::Timestamp,
};

/// In characters. Length instead of composition rules (NIST SP 800-63B, OWASP ASVS 6.2). The
/// maximum limits the cost of hashing.
pub const MIN_PASSWORD: usize = 12;
pub const MAX_PASSWORD: usize = 1024;
pub const MAX_EMAIL: usize = 254;

/// A user, without the password.
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

/// Validates an e-mail address loosely: something@something, no spaces, not too long.
pub fn parse_email(raw: &str) -> Result<String, Invalid> {
    let email = raw.trim();
    let error = |code, message: &str| Err(Invalid::one("email", code, message));
    if email.is_empty() {
        return error("required", "Enter an email address.");
    }
    let (local, host) = email.rsplit_once('@').unwrap_or_default();
    let well_formed = !local.is_empty()
        && !host.is_empty()
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if !well_formed || email.len() > MAX_EMAIL {
        return error("format", "Enter an email address in the form name@example.com.");
    }
    Ok(email.to_owned())
}

/// Validates the length of a new password, in characters. It must be normalised (NFKC), so that an
/// accented letter counts as one. `portal::auth::password` checks whether it is easy to guess.
pub fn parse_password(normalised: &str) -> Result<(), Invalid> {
    let error = |code, message: &str| Err(Invalid::one("password", code, message));
    let length = normalised.chars().count();
    if length > 0 && normalised.chars().all(char::is_whitespace) {
        return error(
            "blank",
            "This password consists of blanks only. Choose several unrelated words.",
        );
    }
    if length < MIN_PASSWORD {
        return error(
            "too-short",
            "Choose a password of at least 12 characters. Tip: use several unrelated words.",
        );
    }
    if length > MAX_PASSWORD {
        return error("too-long", "Choose a password of at most 1,024 characters.");
    }
    Ok(())
}

/// E-mail addresses are compared in this form.
pub fn folded_email(email: &str) -> String {
    email.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_trimmed_and_checked() {
        assert_eq!(parse_email(" Ann@Example.org "), Ok("Ann@Example.org".into()));
        for bad in ["", "ann", "@x", "ann@", "a b@c", "a@b\0"] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn password_length_is_counted_in_characters() {
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
