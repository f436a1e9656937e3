//! Normalised variants of a password: forms that an attacker would derive from the same word.

use unicode_normalization::UnicodeNormalization;

/// More digits and punctuation marks than this count as entropy of their own.
const DECORATION: usize = 8;

/// Russian and Ukrainian keyboard layouts, and the Latin letters on the same keys.
const CYRILLIC_KEYS: &str = "йцукенгшщзхъфывапролджэячсмитьбюёіїє";
const LATIN_KEYS: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`s]'";

/// Removes accents and replaces ligatures and similar letters by ASCII ones.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)) {
        match letter {
            'ß' => plain.push_str("ss"),
            'ẞ' => plain.push_str("SS"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'Ø' => plain.push('O'),
            'ł' => plain.push('l'),
            'Ł' => plain.push('L'),
            'đ' => plain.push('d'),
            'ı' => plain.push('i'),
            other => plain.push(other),
        }
    }
    // NFKD also decomposes some scripts (Hangul for example): compose them again.
    plain.nfc().collect()
}

/// The text that the same keys produce on a Latin keyboard.
pub(super) fn on_latin_keys(text: &str) -> String {
    let key = |letter: char| {
        let small = letter.to_lowercase().next().unwrap_or(letter);
        let pair = CYRILLIC_KEYS.chars().zip(LATIN_KEYS.chars()).find(|(key, _)| *key == small);
        let Some((_, key)) = pair else { return letter };
        if small == letter { key } else { key.to_ascii_uppercase() }
    };
    text.chars().map(key).collect()
}

/// The word or phrase at the core of a password: lower case, without accents and blanks, and
/// without up to [`DECORATION`] digits and marks around and between the letters. `None` if there
/// are more.
pub(super) fn core(text: &str) -> Option<String> {
    let text = plain(text).to_lowercase();
    let without = text.trim_matches(|letter: char| !letter.is_alphabetic() && letter != '@');
    let core: String = without.chars().filter_map(letter).collect();
    let left = text.chars().count() - core.chars().count();
    (left <= DECORATION).then_some(core)
}

/// The letter for a character, undoing leetspeak (`0` for `o`); `None` for punctuation.
fn letter(found: char) -> Option<char> {
    match found {
        '0' => Some('o'),
        '1' | '!' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        other => other.is_alphanumeric().then_some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_word_have_one_core() {
        for (text, expected) in [
            ("Sommer2024!!!", Some("sommer")),
            ("$$Fußball-12345", Some("fussball")),
            ("$$$Fußball-12345", None),
            ("Fußball12345", Some("fussball")),
            ("P@$$w0rd", Some("password")),
            ("Correct Horse Battery Staple", Some("correcthorsebatterystaple")),
            ("contraseña", Some("contrasena")),
            ("İyi günler", Some("iyigunler")),
            ("비밀번호", Some("비밀번호")),
            ("123456", Some("")),
            ("", Some("")),
            ("sommer 827364519", None),
        ] {
            assert_eq!(core(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn both_keyboard_layouts_have_the_same_length_and_order() {
        assert_eq!(CYRILLIC_KEYS.chars().count(), LATIN_KEYS.chars().count());
        assert_eq!(on_latin_keys("йцуКЕН"), "qweRTY");
        assert_eq!(on_latin_keys("пароль1"), "gfhjkm1");
        assert_eq!(on_latin_keys("Zürich"), "Zürich");
    }
}
