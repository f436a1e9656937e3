//! Ids in typed or pasted text: a whole one, or its beginning.

use uuid::Uuid;

/// An id or the beginning of one, as the range of ids that begin like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdText {
    pub first: Uuid,
    pub last: Uuid,
}

/// Fewer digits are more likely a number or a word.
const FEWEST: usize = 8;
const DIGITS: usize = 32;

impl IdText {
    /// The last id in a text, which may be an address, a header or a line of a log.
    pub fn find(text: &str) -> Option<Self> {
        let pieces = text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
        let ids: Vec<Self> = pieces.filter_map(Self::parse).collect();
        ids.iter().rev().find(|id| id.is_whole()).or(ids.last()).copied()
    }

    fn parse(piece: &str) -> Option<Self> {
        let digits: String = piece.chars().filter(char::is_ascii_hexdigit).collect();
        // Ids begin with their time, so for a long while with a zero.
        if !(FEWEST..=DIGITS).contains(&digits.len()) || !digits.starts_with('0') {
            return None;
        }
        let filled = |with: char| {
            let missing = std::iter::repeat_n(with, DIGITS - digits.len());
            Uuid::try_parse(&digits.chars().chain(missing).collect::<String>()).ok()
        };
        Some(Self { first: filled('0')?, last: filled('f')? })
    }

    pub fn is_whole(&self) -> bool {
        self.first == self.last
    }

    pub fn has(&self, id: Uuid) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_what_people_paste() {
        let id = "019e9d1c-7a31-7b52-8c3d-0123456789ab";
        let whole = IdText { first: id.parse().unwrap(), last: id.parse().unwrap() };
        let other = "019e9d1c-0000-7b52-8c3d-0123456789ab";
        for text in [
            id.to_owned(),
            id.to_uppercase(),
            id.replace('-', ""),
            format!("webhook-id: test_{id}"),
            format!("https://hooks.example.org/integration/hooks/{other}/deliveries/{id}?x=1"),
            format!("  {id}\n"),
        ] {
            assert_eq!(IdText::find(&text), Some(whole), "{text}");
        }
        let begun = IdText::find("019e9d1c-7a").unwrap();
        assert!(begun.has(whole.first) && !begun.has(other.parse().unwrap()) && !begun.is_whole());
        for text in ["", "019e9d1", "CRM call-backs", "+12345678901", "deadbeef", "décédé-bad"] {
            assert_eq!(IdText::find(text), None, "{text}");
        }
    }
}
