//! Secrets in what receivers answer. Some answer with the request they got, and what they answer is
//! shown to people who may not see the secrets: this hook's own are replaced, in the usual
//! encodings, before anything is kept.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A secret this short is a placeholder: an answer is full of the same letters, and masking them
/// would hide it all.
const SHORTEST: usize = 8;
/// Of a secret in the middle of something else that is base64, at least so many letters are its
/// own.
const SHORTEST_CORE: usize = 10;
/// So much of a secret is masked where an answer was cut in the middle of it.
const SHORTEST_END: usize = 4;
const MASK: &str = "****";

/// See the module.
pub struct Masks {
    /// As they may appear, the longest first: one may be a part of another.
    spellings: Vec<String>,
}

impl Masks {
    pub fn new(secrets: &[&str]) -> Self {
        let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
        let mut spellings: Vec<String> = long.flat_map(|secret| spellings(secret)).collect();
        spellings.sort_unstable_by(|one, two| two.len().cmp(&one.len()).then_with(|| one.cmp(two)));
        spellings.dedup();
        Self { spellings }
    }

    /// Masks all of them. `is_cut`: the text may end in the middle of one.
    pub fn mask(&self, text: &mut String, is_cut: bool) {
        for spelling in &self.spellings {
            if text.contains(spelling.as_str()) {
                *text = text.replace(spelling.as_str(), MASK);
            }
        }
        if !is_cut {
            return;
        }
        let begins = |spelling: &String| {
            let most = spelling.len().min(text.len() + 1) - 1;
            (SHORTEST_END..=most)
                .rev()
                .find(|length| spelling.get(..*length).is_some_and(|part| text.ends_with(part)))
        };
        if let Some(length) = self.spellings.iter().filter_map(begins).max() {
            text.truncate(text.len() - length);
            text.push_str(MASK);
        }
    }
}

/// A secret as programs print it: plain, in JSON, HTML, a URL, base64 (alone or as a part of more)
/// and hexadecimal.
fn spellings(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_matches('"').to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let all = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html.replace('"', "&#34;").replace('\'', "&#x27;"),
        html,
        percent(&form),
        form.replace('+', "%20"),
        form,
        hexadecimal(secret, false),
        hexadecimal(secret, true),
    ];
    all.into_iter().chain(in_base64(secret)).collect()
}

/// Percent-encoded with small letters.
fn percent(form: &str) -> String {
    let mut parts = form.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text + "%" + &code.to_ascii_lowercase() + rest
    })
}

fn hexadecimal(secret: &str, is_upper: bool) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written =
            if is_upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        text
    })
}

/// What the secret becomes in base64, whatever stands before and after it: the letters that only it
/// decides.
fn in_base64(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3 {
        let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let (from, until) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            all.extend(
                encoded
                    .get(from..until)
                    .filter(|core| core.len() >= SHORTEST_CORE)
                    .map(str::to_owned),
            );
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr&t/\"+<key> of ours";

    fn masked(text: &str, is_cut: bool) -> String {
        let mut text = text.to_owned();
        Masks::new(&[SECRET]).mask(&mut text, is_cut);
        text
    }

    #[test]
    fn every_usual_spelling_is_masked() {
        let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let texts = [
            SECRET.to_owned(),
            serde_json::json!({"headers": {"x-api-key": SECRET}}).to_string(),
            form.clone(),
            percent(&form),
            "<b>s3cr&amp;t/&quot;+&lt;key&gt; of ours</b>".to_owned(),
            hexadecimal(SECRET, true),
            URL_SAFE_NO_PAD.encode(SECRET),
        ];
        for text in texts {
            let shown = masked(&format!("before {text} after"), false);
            assert!(
                shown.contains(MASK) && shown.starts_with("before ") && shown.ends_with(" after"),
                "{text}: {shown}"
            );
            assert!(
                !shown.contains("key") || shown.contains("x-api-key") && !shown.contains("of ours"),
                "{shown}"
            );
        }
    }

    #[test]
    fn in_base64_it_is_masked_wherever_it_stands() {
        for before in ["", "a", "ab", "abc", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{SECRET}, and more"));
            let shown = masked(&encoded, false);
            assert!(shown.contains(MASK) && shown.len() < encoded.len() - 20, "{before}: {shown}");
        }
    }

    #[test]
    fn what_is_cut_in_the_middle_of_it_is_masked_too() {
        assert_eq!(masked("x-api-key: s3cr&t/", true), "x-api-key: ****");
        assert_eq!(masked("x-api-key: s3cr&t/", false), "x-api-key: s3cr&t/");
        assert_eq!(masked("nothing of it, s3c", true), "nothing of it, s3c");
        assert_eq!(masked("é", true), "é");
    }

    #[test]
    fn a_placeholder_hides_nothing() {
        let mut text = "a key in the key".to_owned();
        Masks::new(&["key"]).mask(&mut text, true);
        assert_eq!(text, "a key in the key");
    }
}
