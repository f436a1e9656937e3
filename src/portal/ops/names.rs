//! Names as people read them: sorted without regard to case and accents, with numbers by their
//! value, and found without regard to case and accents.

use std::cmp::Ordering;

use super::log::folded::fold;

/// A text without case and accents, to search in and to search for.
pub fn folded(text: &str) -> String {
    fold(text.chars(), false)
}

/// By what a name is sorted: its folded text in pieces, numbers by value. `Hook 9` is before
/// `Hook 10`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(Vec<Piece>);

/// Numbers sort before text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// The digits without leading zeros: of two numbers the one with fewer digits is smaller.
    Number(String),
    Text(String),
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => {
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl NameKey {
    pub fn of(name: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for letter in folded(name).chars() {
            match (letter.is_ascii_digit(), pieces.last_mut()) {
                (true, Some(Piece::Number(text))) => {
                    if text == "0" {
                        text.clear();
                    }
                    text.push(letter);
                }
                (false, Some(Piece::Text(text))) => text.push(letter),
                (true, _) => pieces.push(Piece::Number(letter.to_string())),
                (false, _) => pieces.push(Piece::Text(letter.to_string())),
            }
        }
        Self(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_without_case_and_accents_and_numbers_by_their_value() {
        let mut names = ["Hook 10", "Zebra", "hook 9", "Éclair", "eagle", "Hook 002", "Ärger"];
        names.sort_by_cached_key(|name| NameKey::of(name));
        assert_eq!(names, ["Ärger", "eagle", "Éclair", "Hook 002", "hook 9", "Hook 10", "Zebra"]);
        assert!(NameKey::of("7") < NameKey::of("007a") && NameKey::of("9") < NameKey::of("a"));
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
