//! Other forms of a password: what somebody who guesses would try for the same choice.

use unicode_normalization::UnicodeNormalization;

/// More digits and marks than this around a word are a part that has to be guessed.
const DECORATION: usize = 8;

/// Where the letters of a Cyrillic keyboard are on a Latin one: Russian, then Ukrainian's own.
const CYRILLIC_KEYS: &str = "йцукенгшщзхъфывапролджэячсмитьбюёіїє";
const LATIN_KEYS: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`s]'";

/// Without accents, and with the letters that stand in for others.
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
    // Some scripts came apart.
    plain.nfc().collect()
}

/// As the same keys write it on a Latin keyboard.
pub(super) fn on_latin_keys(text: &str) -> String {
    let key = |letter: char| {
        let small = letter.to_lowercase().next().unwrap_or(letter);
        let pair = CYRILLIC_KEYS.chars().zip(LATIN_KEYS.chars()).find(|(key, _)| *key == small);
        let Some((_, key)) = pair else { return letter };
        if small == letter { key } else { key.to_ascii_uppercase() }
    };
    text.chars().map(key).collect()
}

/// The word or phrase in it: small letters without accents and blanks, and without a few digits and
/// marks around and between them. `None` where there are more of those.
pub(super) fn core(text: &str) -> Option<String> {
    let text = plain(text).to_lowercase();
    let without = text.trim_matches(|letter: char| !letter.is_alphabetic() && letter != '@');
    let core: String = without.chars().filter_map(letter).collect();
    let left = text.chars().count() - core.chars().count();
    (left <= DECORATION).then_some(core)
}

/// A letter, also where a digit or mark stands for it; nothing for other marks.
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
    fn the_same_choice_has_one_core() {
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
    fn keys_are_where_they_are() {
        assert_eq!(CYRILLIC_KEYS.chars().count(), LATIN_KEYS.chars().count());
        assert_eq!(on_latin_keys("йцуКЕН"), "qweRTY");
        assert_eq!(on_latin_keys("пароль1"), "gfhjkm1");
        assert_eq!(on_latin_keys("Zürich"), "Zürich");
    }
}
