//! Is a new password easy to guess? An estimate of the guesses it takes, a list of what people
//! choose most, and words of many languages that they make it of.
//!
//! The estimate alone lets half of the 3,000 most common passwords of twelve or more characters
//! through, because few of them are in its own dictionaries, which are English; the list alone
//! knows no variations.

use std::{collections::HashSet, sync::LazyLock};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Entropy, Score, feedback::Warning, matching::patterns::MatchPattern, zxcvbn};

use super::forms;
use crate::domain::{invalid::Invalid, user::MAX_PASSWORD};

/// The 44,000 most common passwords that are long enough to be chosen here: the first six bytes of
/// each SHA-256, sorted. `scripts/common-passwords.mjs` makes it.
const COMMON: &[u8] = include_bytes!("common.bin");
const PREFIX: usize = 6;

/// The words, as they are and without accents.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("words.txt").lines();
    let words = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut seen = HashSet::new();
    let forms = words.flat_map(|word| [word.to_owned(), forms::plain(word)]);
    forms.filter(|word| seen.insert(word.clone())).collect()
});

/// 10^8 guesses or more: out of reach for somebody who must ask this server, and slow against a
/// stolen hash.
const ENOUGH: Score = Score::Three;

/// The estimate's time grows with the square of the length: of words this takes it 2 ms, of
/// characters that may each stand for several letters 45 ms, and three forms may be looked at.
const LOOKED_AT: usize = 60;

/// The form that is hashed: a letter with an accent is the same password whether the keyboard sends
/// one character or two. One character more than is allowed is enough to tell that it is too long.
pub(super) fn normalised(text: &str) -> String {
    text.nfkc().take(MAX_PASSWORD + 1).collect()
}

/// Judges a normalised password. `about` is what somebody who knows its owner would try first.
pub(super) fn validate(password: &str, about: &[String]) -> Result<(), Invalid> {
    let words = words_of(about);
    let mut looked_at = vec![password.to_owned()];
    for other in [forms::plain(password), forms::on_latin_keys(password)] {
        if !looked_at.contains(&other) {
            looked_at.push(other);
        }
    }
    let Some(why) = looked_at.iter().find_map(|form| weakness(form, &words)) else { return Ok(()) };
    let message = format!("This password is easy to guess: {why}. Choose several unrelated words.");
    Err(Invalid::one("password", "weak", message))
}

/// What makes one form of a password easy to guess.
fn weakness(password: &str, about: &[String]) -> Option<&'static str> {
    if is_common(password) {
        return Some("it is one of the most common passwords");
    }
    let start: String = password.chars().take(LOOKED_AT).collect();
    let known: Vec<&str> = about.iter().chain(&*WORDS).map(String::as_str).collect();
    let estimate = zxcvbn(&start, &known);
    if estimate.score() < ENOUGH {
        return Some(reason(&estimate, about));
    }
    let core = forms::core(password)?;
    if about.contains(&core) {
        Some(ABOUT_THEM)
    } else {
        WORDS.contains(&core).then_some("it is a common word or phrase with little around it")
    }
}

/// Each text, its parts, and both without what separates them: somebody who knows Ann Miller tries
/// ann.miller and annmiller.
fn words_of(about: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    for text in about.iter().map(|text| text.to_lowercase()) {
        words.extend(text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned));
        for half in text.split('@').chain([text.as_str()]) {
            words.push(half.to_owned());
            words.push(half.replace(|c: char| !c.is_alphanumeric(), ""));
        }
    }
    words.retain(|word| word.chars().count() > 2);
    words
}

fn is_common(password: &str) -> bool {
    let hash = Sha256::digest(password.to_lowercase());
    let (known, _) = COMMON.as_chunks::<PREFIX>();
    known.binary_search_by(|prefix| prefix[..].cmp(&hash[..PREFIX])).is_ok()
}

const ABOUT_THEM: &str = "it contains your name, your e-mail address or the name of this product";

fn reason(estimate: &Entropy, words: &[String]) -> &'static str {
    let is_about_them = |pattern: &MatchPattern| {
        matches!(pattern,
        MatchPattern::Dictionary(found) if words.contains(&found.matched_word))
    };
    if estimate.sequence().iter().any(|part| is_about_them(&part.pattern)) {
        return ABOUT_THEM;
    }
    let is_word = |pattern: &MatchPattern| {
        matches!(pattern,
        MatchPattern::Dictionary(found) if WORDS.contains(&found.matched_word))
    };
    if estimate.sequence().iter().any(|part| is_word(&part.pattern)) {
        return "it is made of words that many passwords have";
    }
    match estimate.feedback().and_then(|feedback| feedback.warning()) {
        Some(
            Warning::StraightRowsOfKeysAreEasyToGuess
            | Warning::ShortKeyboardPatternsAreEasyToGuess,
        ) => "it follows the keys of a keyboard",
        Some(
            Warning::RepeatsLikeAaaAreEasyToGuess
            | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
        ) => "it repeats the same characters",
        Some(Warning::SequencesLikeAbcAreEasyToGuess) => {
            "it contains a sequence such as abc or 6543"
        }
        Some(Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess) => {
            "it contains a date"
        }
        Some(Warning::AWordByItselfIsEasyToGuess) => "it is a single word",
        Some(
            Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
            | Warning::CommonNamesAndSurnamesAreEasyToGuess,
        ) => "it contains a common name",
        Some(
            Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
            | Warning::ThisIsSimilarToACommonlyUsedPassword,
        ) => "it is close to a common password",
        None => "it consists of few, common parts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(password: &str) -> Option<String> {
        let about = ["ann.miller@example.org", "Ann Miller", "Service Hooks"].map(str::to_owned);
        validate(&normalised(password), &about).err().map(|invalid| invalid.0[0].message.clone())
    }

    #[test]
    fn what_is_easy_to_guess_is_refused_and_the_reason_given() {
        for (password, why) in [
            ("password1234", "most common"),
            ("aaaaaaaaaaaa", "most common"),
            // Full-width letters are letters.
            ("ｐａｓｓｗｏｒｄ１２３４", "most common"),
            // The estimate takes these for good ones.
            ("hakunamatata", "most common"),
            ("StairwayToHeaven", "most common"),
            ("010203040506070809", "most common"),
            // The list does not know these.
            ("P@ssw0rd1234!", "words that many passwords have"),
            ("ééééééééééééé", "repeats"),
            ("ghkghkghkghkghk", "repeats"),
            ("fghijklmnopqr!", "sequence"),
            ("ServiceHooks1!", "name of this product"),
            ("ann.miller2026", "your name"),
            ("annmiller123", "your name"),
            ("service-hooks", "name of this product"),
            // Other languages, keyboards and alphabets.
            ("йцукенгшщзхъ", "keys of a keyboard"),
            ("пароль123456", "words that many passwords have"),
            ("ПРИВЕТ123456", "words that many passwords have"),
            ("contraseña123", "words that many passwords have"),
            ("contrasen\u{303}a123", "words that many passwords have"),
            ("Contrasena123", "words that many passwords have"),
            ("Fußball12345", "words that many passwords have"),
            ("ichliebedich1", "words that many passwords have"),
            ("woaini1314520", "words that many passwords have"),
            ("tequieromucho", "words that many passwords have"),
            ("seniseviyorum", "most common"),
            ("gfhjkm123456", "most common"),
            ("Sommer2024!!!", "common word or phrase"),
            ("S0mmer-2024!!", "common word or phrase"),
            ("Printemps2025!", "common word or phrase"),
            ("verylongpassword", "words that many passwords have"),
            ("correcthorsebatterystaple", "words that many passwords have"),
            ("Correct Horse Battery Staple!", "common word or phrase"),
        ] {
            let message = said(password).unwrap_or_else(|| panic!("{password} was accepted"));
            assert!(
                message.contains(why) && message.contains("several unrelated words"),
                "{password}: {message}"
            );
            assert!(!message.contains(password), "{message}");
        }
    }

    #[test]
    fn what_is_hard_to_guess_is_accepted() {
        for password in [
            "correct horse battery",
            "kaffeemaschine blau",
            "Zürich fährt elf Löffel",
            "drei gelbe Kamele tanzen",
            "quatre lampes mouillées",
            "siete nubes de algodón",
            "onze janelas tortas",
            "lampada sotto il ponte",
            "zielony parasol w kuchni",
            "yedi mavi bisiklet",
            "natte fietsen fluiten",
            "пять синих чайников",
            "zhuozi shang de bingxiang",
            "chaar neeli kursiyan",
            "七つの青い自転車とやかん",
            // A common word is no harm among others.
            "Sommer, Kamel und Blech",
            "sommer 8273645192",
            "kR7#vQ2!mZ9x",
            "Ann likes seven purple teapots",
        ] {
            assert_eq!(said(password), None, "{password}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_large() {
        let (known, rest) = COMMON.as_chunks::<PREFIX>();
        assert!(rest.is_empty() && known.len() > 40_000 && known.is_sorted());
    }

    /// The estimate sees a bounded part of it; everything still counts when it is hashed.
    #[test]
    fn a_password_of_any_length_is_judged_at_once() {
        let long: String = "aA$@4(<{[3€é1!il|l7".chars().cycle().take(1_000_000).collect();
        let normal = normalised(&long);
        assert_eq!(normal.chars().count(), MAX_PASSWORD + 1);
        validate(&normal, &[]).unwrap();
        validate(&long, &[long[..4].to_owned()]).unwrap();
    }
}
