//! Strength check of a new password. It combines zxcvbn's estimate, a list of the most common
//! passwords, and common words of many languages.
//!
//! The estimate alone accepts half of the 3,000 most common passwords of twelve or more characters,
//! because its own dictionaries are English and small. The list alone does not catch variations.

use std::{collections::HashSet, sync::LazyLock};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Entropy, Score, feedback::Warning, matching::patterns::MatchPattern, zxcvbn};

use super::forms;
use crate::domain::{invalid::Invalid, user::MAX_PASSWORD};

/// The 44,000 most common passwords of allowed length: the first six bytes of each SHA-256, sorted.
/// Made by `scripts/common-passwords.mjs`.
const COMMON: &[u8] = include_bytes!("common.bin");
const PREFIX: usize = 6;

/// The words, with and without accents.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("words.txt").lines();
    let words = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut seen = HashSet::new();
    let forms = words.flat_map(|word| [word.to_owned(), forms::plain(word)]);
    forms.filter(|word| seen.insert(word.clone())).collect()
});

/// At least 10^8 guesses: not feasible online against this server, and slow against a stolen hash.
const ENOUGH: Score = Score::Three;

/// Characters that the estimate sees. Its time grows with the square of the length: at this length
/// 2 ms for words and 45 ms for characters with many substitutions, for up to three forms.
const LOOKED_AT: usize = 60;

/// The form that is hashed: NFKC, so that an accented letter is the same whether the keyboard sends
/// one character or two. Truncated one character above the maximum, which is enough to report that
/// it is too long.
pub(super) fn normalised(text: &str) -> String {
    text.nfkc().take(MAX_PASSWORD + 1).collect()
}

/// Checks a normalised password. `about` holds facts about its owner that an attacker would try
/// first.
pub(super) fn validate(password: &str, about: &[String]) -> Result<(), Invalid> {
    let words = words_of(about);
    let mut forms = vec![password.to_owned()];
    for other in [forms::plain(password), forms::on_latin_keys(password)] {
        if !forms.contains(&other) {
            forms.push(other);
        }
    }
    let Some(why) = forms.iter().find_map(|form| weakness(form, &words)) else { return Ok(()) };
    let message = format!("This password is easy to guess: {why}. Choose several unrelated words.");
    Err(Invalid::one("password", "weak", message))
}

/// Why one form of a password is easy to guess; `None` if it is not.
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

/// Words derived from each text: its parts, and the text and its parts without separators. For the
/// name Ann Miller that includes annmiller.
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

const ABOUT_THEM: &str = "it contains your name, your email address or the name of this product";

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

    fn refusal(password: &str) -> Option<String> {
        let about = ["ann.miller@example.org", "Ann Miller", "Service Hooks"].map(str::to_owned);
        validate(&normalised(password), &about).err().map(|invalid| invalid.0[0].message.clone())
    }

    #[test]
    fn an_easily_guessed_password_is_refused_with_the_reason() {
        for (password, why) in [
            ("password1234", "most common"),
            ("aaaaaaaaaaaa", "most common"),
            // Full-width letters are normalised to ASCII.
            ("ｐａｓｓｗｏｒｄ１２３４", "most common"),
            // The estimate alone accepts these.
            ("hakunamatata", "most common"),
            ("StairwayToHeaven", "most common"),
            ("010203040506070809", "most common"),
            // The list alone accepts these.
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
            let message = refusal(password).unwrap_or_else(|| panic!("{password} was accepted"));
            assert!(
                message.contains(why) && message.contains("several unrelated words"),
                "{password}: {message}"
            );
            assert!(!message.contains(password), "{message}");
        }
    }

    #[test]
    fn a_strong_password_is_accepted() {
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
            // A common word is fine among others.
            "Sommer, Kamel und Blech",
            "sommer 8273645192",
            "kR7#vQ2!mZ9x",
            "Ann likes seven purple teapots",
        ] {
            assert_eq!(refusal(password), None, "{password}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_large() {
        let (known, rest) = COMMON.as_chunks::<PREFIX>();
        assert!(rest.is_empty() && known.len() > 40_000 && known.is_sorted());
    }

    /// The estimate sees only the first characters; the hash covers all of them.
    #[test]
    fn a_very_long_password_is_checked_in_bounded_time() {
        let long: String = "aA$@4(<{[3€é1!il|l7".chars().cycle().take(1_000_000).collect();
        let normal = normalised(&long);
        assert_eq!(normal.chars().count(), MAX_PASSWORD + 1);
        validate(&normal, &[]).unwrap();
        validate(&long, &[long[..4].to_owned()]).unwrap();
    }
}
