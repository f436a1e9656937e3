//! Sample receivers, one file per language in the folder next to this one. Each file runs
//! unchanged; for an event and a path, its placeholders are replaced. The tests define once what
//! every receiver must do.

use crate::domain::event::EventType;

/// A language with its sample receiver (or sender) of `work_item.closed` at `/service-hooks`.
pub struct Language {
    /// The value of `?lang=`.
    pub key: &'static str,
    pub name: &'static str,
    /// The file name to save it under.
    pub file: &'static str,
    text: &'static str,
}

pub const LANGUAGES: &[Language] = &[
    Language {
        key: "node",
        name: "Node",
        file: "receiver.mjs",
        text: include_str!("snippets/receiver.mjs"),
    },
    Language {
        key: "python",
        name: "Python",
        file: "receiver.py",
        text: include_str!("snippets/receiver.py"),
    },
    Language {
        key: "rust",
        name: "Rust (axum)",
        file: "main.rs",
        text: include_str!("snippets/axum.rs"),
    },
    Language {
        key: "csharp",
        name: "C# (minimal API)",
        file: "Program.cs",
        text: include_str!("snippets/Program.cs"),
    },
    Language {
        key: "java",
        name: "Java",
        file: "Receiver.java",
        text: include_str!("snippets/Receiver.java"),
    },
    Language {
        key: "curl",
        name: "curl (send a sample)",
        file: "send.sh",
        text: include_str!("snippets/send.sh"),
    },
];

/// The language with this key, or the first.
pub fn language(key: &str) -> &'static Language {
    LANGUAGES.iter().find(|language| language.key == key).unwrap_or(&LANGUAGES[0])
}

const EVENT: &str = "work_item.closed";
const PATH: &str = "/service-hooks";
const MEMBER: &str = "\"id\"";
const SAMPLE: &str = "SAMPLE_BODY";

impl Language {
    /// The sample for an event and the path of `url`. `member` is a field that the payload always
    /// has.
    pub fn snippet(
        &self,
        event: EventType,
        member: &str,
        sample: &str,
        url: Option<&str>,
    ) -> String {
        let path = url.and_then(plain_path).unwrap_or_else(|| PATH.to_owned());
        let text = self.text.replace(EVENT, event.key()).replace(MEMBER, &format!("\"{member}\""));
        // The sample comes last, so that nothing in it is replaced.
        text.replace(PATH, &path).replace(SAMPLE, sample)
    }
}

/// The path of a URL, if it needs no escaping in any of the languages.
fn plain_path(url: &str) -> Option<String> {
    let path = url::Url::parse(url).ok()?.path().to_owned();
    let is_plain =
        path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.~-".contains(&byte));
    is_plain.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_contains_the_placeholders() {
        for language in LANGUAGES {
            assert!(
                language.text.contains(EVENT) && language.text.contains(PATH),
                "{}",
                language.key
            );
            let own = language.snippet(
                EventType::OutboundCallInitiated,
                "agentID",
                "{}",
                Some("https://e.org/in/x?y#"),
            );
            assert!(
                own.contains("outbound_call.initiated")
                    && own.contains("/in/x")
                    && !own.contains(EVENT),
                "{own}"
            );
            assert!(!own.contains(PATH) && !own.contains(SAMPLE) && !own.contains(MEMBER), "{own}");
            assert_eq!(language.key == "curl", !own.contains("\"agentID\""), "{}", language.key);
        }
    }

    #[test]
    fn a_path_that_needs_escaping_is_not_used() {
        assert_eq!(plain_path("https://e.org/in").as_deref(), Some("/in"));
        for odd in [
            "https://e.org/$(id)",
            "https://e.org/'x",
            "https://e.org/%22",
            "https://e.org/{a}",
            "nonsense",
        ] {
            assert_eq!(plain_path(odd), None, "{odd}");
        }
    }
}
