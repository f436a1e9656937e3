//! Names as people read them: sorted by the reader's alphabet, with numbers by their value, and
//! found without regard to case and accents.

use std::cmp::Ordering;

use icu_collator::{
    Collator, CollatorBorrowed, CollatorPreferences, options::CollatorOptions,
    preferences::CollationNumericOrdering,
};
use icu_locale_core::Locale;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Languages of a request that are considered.
const LANGUAGES: usize = 5;

/// The order of names in one language.
pub struct Alphabet(CollatorBorrowed<'static>);

impl Alphabet {
    /// Of the first known language of an `Accept-Language` header; otherwise the order that most
    /// languages share.
    pub fn of(accept_language: &str) -> Self {
        let tags = accept_language.split(',').take(LANGUAGES);
        let tags = tags.map(|tag| tag.split(';').next().unwrap_or_default().trim());
        let locales = tags.filter_map(|tag| tag.parse::<Locale>().ok()).take(1);
        let known = locales.chain([Locale::UNKNOWN]).find_map(|locale| {
            let mut preferences = CollatorPreferences::from(&locale);
            preferences.numeric_ordering = Some(CollationNumericOrdering::True);
            Collator::try_new(preferences, CollatorOptions::default()).ok()
        });
        Self(known.expect("the common order is compiled in"))
    }

    pub fn compare(&self, one: &str, other: &str) -> Ordering {
        self.0.compare(one, other)
    }
}

/// A text without case and accents, to search in and to search for.
pub fn folded(text: &str) -> String {
    let bare = text.nfkd().filter(|letter| !is_accent(*letter)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in bare {
        match plain(letter) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    folded
}

/// The accents of the alphabets. Marks of other scripts are letters: without them another word is
/// left.
fn is_accent(letter: char) -> bool {
    is_combining_mark(letter) && matches!(letter, '\u{300}'..='\u{36f}')
}

/// Letters that people type without their stroke or as two letters, and that Unicode does not
/// decompose.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'ħ' => "h",
        'ŧ' => "t",
        'þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted<const N: usize>(languages: &str, mut names: [&'static str; N]) -> [&'static str; N] {
        let alphabet = Alphabet::of(languages);
        names.sort_by(|one, other| alphabet.compare(one, other));
        names
    }

    #[test]
    fn names_sort_by_the_readers_alphabet_and_numbers_by_their_value() {
        let names = ["Hook 10", "Zebra", "hook 9", "Éclair", "eagle", "Hook 2", "Ärger", "apple"];
        let wanted = ["apple", "Ärger", "eagle", "Éclair", "Hook 2", "hook 9", "Hook 10", "Zebra"];
        for languages in ["", "en-GB,en;q=0.9", "*", "no such language", "de-DE"] {
            assert_eq!(sorted(languages, names), wanted, "{languages}");
        }
        assert_eq!(sorted("sv", ["Ärger", "Zebra", "apple"]), ["apple", "Zebra", "Ärger"]);
    }

    #[test]
    fn names_are_found_without_case_and_accents() {
        for (typed, name) in [
            ("kovacs", "Kovács CRM"),
            ("KOVÁCS", "kovacs"),
            ("strasse", "Straße 3"),
            ("lodz", "ŁÓDŹ"),
            ("istanbul", "İstanbul"),
            ("ελλαδα", "Ελλάδα"),
            ("e\u{301}t", "été"),
        ] {
            assert!(folded(name).contains(&folded(typed)), "{typed}: {}", folded(name));
        }
        assert_ne!(folded("か"), folded("が"), "another sound, not an accent");
    }
}
