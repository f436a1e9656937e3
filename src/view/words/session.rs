//! Sentences about signing in, the account and the first administrator.

use std::time::Duration;

/// The same for an unknown address and for a wrong password, so that it does not reveal which
/// accounts exist.
pub const WRONG_PASSWORD: &str = "Wrong email address or password.";

/// Sign-in is rate limited. The sentence does not reveal whether the network, the browser or the
/// account reached the limit.
pub fn too_many_passwords(wait: Duration) -> String {
    let minutes = match wait.as_secs().div_ceil(60) {
        0 | 1 => "1 minute".to_owned(),
        more => format!("{more} minutes"),
    };
    format!("Too many wrong passwords. Try again in {minutes}.")
}

/// The first administrator was created and is signed in.
pub fn welcome(name: &str) -> String {
    format!("Welcome, {name}. Create your first hook.")
}

/// On the sign-in page, after a form was sent without a session. `is_kept`: what was typed comes
/// back after signing in.
pub fn signed_out(is_kept: bool) -> &'static str {
    if is_kept {
        "You were signed out before your changes were saved. Sign in to get back to your form: it \
         is kept for 30 minutes."
    } else {
        "You were signed out. Nothing was changed. Sign in to get back to the page."
    }
}

/// The form is shown again after signing in.
pub const RESUMED: &str = "You were signed out. Nothing was saved yet: check the form and save.";

/// The kept form belongs to another user.
pub const RESUMED_ANOTHER: &str = "Another user filled in this form. Sign in as that user within \
                                   30 minutes to get it back.";

/// The form is no longer kept.
pub const RESUMED_GONE: &str = "The form isn't kept any more. A form is kept for 30 minutes, in \
                                the browser that sent it.";

/// The account page's form was saved.
pub const PREFERENCES_SAVED: &str = "Preferences saved.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_rounded_up_to_whole_minutes() {
        for (seconds, words) in [
            (1, "in 1 minute."),
            (60, "in 1 minute."),
            (61, "in 2 minutes."),
            (600, "in 10 minutes."),
        ] {
            let message = too_many_passwords(Duration::from_secs(seconds));
            assert!(message.ends_with(words), "{message}");
        }
    }
}
