//! Tests with every common encoding of a secret: keys with punctuation, keys that look like escape
//! sequences, keys that are base64.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

/// Characters that encodings change; text that looks like escapes; base64 of 32 bytes; plain
/// letters.
const KEYS: [&str; 6] = [
    "s3cr&t/\"+<key>'=;\\of(our)%{own}~!",
    "100%41&amp;\\u0041=3D''\"\"more\\\\of-it",
    "Zk3+Vv/9aQ0Yx7+TnB2/Lr5Hc8Jd1Me4Wg6Us0Po/Ek=",
    "sk_live_9fQ2xT7bLmZ4",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "<&\"'/+%=\\;<&\"'/+%=\\;",
];

type Spell = fn(&str) -> String;

fn each(key: &str, spell: impl Fn(u8) -> String) -> String {
    key.bytes().map(spell).collect()
}

/// Encodes only the characters in `marks`.
fn only(key: &str, marks: &str, spell: impl Fn(u8) -> String) -> String {
    each(key, |byte| {
        if marks.as_bytes().contains(&byte) { spell(byte) } else { char::from(byte).to_string() }
    })
}

fn json(key: &str) -> String {
    let text = serde_json::Value::from(key).to_string();
    text[1..text.len() - 1].to_owned()
}

fn html(key: &str) -> String {
    only(key, "&<>\"'", |byte| match byte {
        b'&' => "&amp;".into(),
        b'<' => "&lt;".into(),
        b'>' => "&gt;".into(),
        b'"' => "&quot;".into(),
        _ => "&#x27;".into(),
    })
}

fn percent(key: &str) -> String {
    only(key, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", |byte| format!("%{byte:02X}"))
}

fn lines(text: &str, end: &str) -> String {
    let lines: Vec<_> =
        text.as_bytes().chunks(7).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

fn bytes(key: &str, between: &str, spell: impl Fn(u8) -> String) -> String {
    key.bytes().map(spell).collect::<Vec<_>>().join(between)
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

/// Encodings of one character after the other: these can be truncated anywhere.
const ESCAPED: [(&str, Spell); 34] = [
    ("plain", |key| key.to_owned()),
    ("other case", |key| key.to_ascii_uppercase()),
    ("JSON", json),
    ("JSON of Go", |key| only(&json(key), "&<>", |byte| format!("\\u{byte:04x}"))),
    ("JSON of .NET", |key| only(&json(key), "&<>'+", |byte| format!("\\u{byte:04X}"))),
    ("JSON of PHP", |key| json(key).replace('/', "\\/")),
    ("JSON, all escaped", |key| each(key, |byte| format!("\\u{byte:04x}"))),
    ("JSON in JSON", |key| json(&json(key))),
    ("JSON in JSON in JSON", |key| json(&json(&json(key)))),
    ("bytes in Python", |key| each(key, |byte| format!("\\x{byte:02x}"))),
    ("HTML", html),
    ("HTML, &apos;", |key| html(key).replace("&#x27;", "&apos;")),
    ("HTML, &#039;", |key| html(key).replace("&#x27;", "&#039;").replace("&quot;", "&#34;")),
    ("HTML without quotes", |key| html(key).replace("&#x27;", "'").replace("&quot;", "\"")),
    ("HTML of .NET", |key| html(key).replace('+', "&#x2B;").replace('=', "&equals;")),
    ("HTML of Mustache", |key| html(key).replace('/', "&#x2F;").replace('=', "&#x3D;")),
    ("HTML by names", |key| {
        html(key).replace('+', "&plus;").replace('/', "&sol;").replace('%', "&percnt;")
    }),
    ("HTML, all decimal", |key| each(key, |byte| format!("&#{byte};"))),
    ("HTML, all hexadecimal", |key| each(key, |byte| format!("&#X{byte:X};"))),
    ("HTML in JSON", |key| json(&html(key))),
    ("JSON in HTML", |key| html(&json(key))),
    ("URL", percent),
    ("URL in small letters", |key| percent(key).to_ascii_lowercase()),
    ("URL, both cases", |key| percent(key).replace("%2F", "%2f").replace("%3C", "%3c")),
    ("URL but /", |key| percent(key).replace("%2F", "/")),
    ("URL, encodeURIComponent", |key| {
        only(key, "\"#$%&+,/:;<=>?@[\\]^`{|}", |byte| format!("%{byte:02X}"))
    }),
    ("URL, all escaped", |key| each(key, |byte| format!("%{byte:02X}"))),
    ("URL in URL", |key| percent(&percent(key))),
    ("URL in JSON, all escaped", |key| each(&percent(key), |byte| format!("\\u{byte:04x}"))),
    ("quoted-printable", |key| only(key, "=+/&\"", |byte| format!("={byte:02X}"))),
    ("quoted-printable in lines", |key| {
        lines(key, "\n").replace('=', "=3D").replace('\n', "=\r\n")
    }),
    ("CSV", |key| key.replace('"', "\"\"")),
    ("SQL", |key| key.replace('\'', "''")),
    ("shell", |key| key.replace('\'', "'\\''")),
];

const PACKED: [(&str, Spell); 20] = [
    ("base64", |key| STANDARD.encode(key)),
    ("base64 without padding", |key| STANDARD_NO_PAD.encode(key)),
    ("base64 of URLs", |key| URL_SAFE.encode(key)),
    ("base64 of URLs without padding", |key| URL_SAFE_NO_PAD.encode(key)),
    ("base64 in lines", |key| lines(&STANDARD.encode(key), "\r\n")),
    ("base64 in indented lines", |key| lines(&STANDARD.encode(key), "\n   ")),
    ("base64 in lines in JSON", |key| lines(&STANDARD.encode(key), "\\n")),
    ("base64 in JSON", |key| STANDARD.encode(key).replace('/', "\\/").replace('+', "\\u002b")),
    ("base64 in a URL", |key| percent(&STANDARD_NO_PAD.encode(key))),
    ("base64 of all-escaped JSON", |key| {
        STANDARD_NO_PAD.encode(each(key, |byte| format!("\\u{byte:04x}")))
    }),
    ("hexadecimal", |key| each(key, hex)),
    ("hexadecimal in large letters", |key| each(key, hex).to_ascii_uppercase()),
    ("hexadecimal with colons", |key| bytes(key, ":", hex)),
    ("hexadecimal with blanks", |key| bytes(key, " ", hex)),
    ("hexadecimal with dashes", |key| bytes(key, "-", hex)),
    ("hexadecimal numbers", |key| bytes(key, ", ", |byte| format!("0x{byte:02x}"))),
    ("list", |key| bytes(key, ", ", |byte| byte.to_string())),
    ("list without blanks", |key| bytes(key, ",", |byte| byte.to_string())),
    ("list with blanks only", |key| bytes(key, " ", |byte| byte.to_string())),
    ("list in lines", |key| bytes(key, ",\n            ", |byte| byte.to_string())),
];

fn masked(secret: &str, text: &str, is_cut: bool) -> String {
    let mut text = text.to_owned();
    Masks::new(&[secret]).mask(&mut text, is_cut);
    text
}

#[test]
fn every_common_encoding_is_masked_and_nothing_else() {
    for key in KEYS {
        for (name, spell) in ESCAPED.iter().chain(&PACKED) {
            let text = format!("é before: [{}] & after", spell(key));
            let shown = masked(key, &text, false);
            let bare = shown.replace('=', "").replace("0x", "");
            assert_eq!(bare, "é before: [****] & after", "{key} as {name}: {text}: {shown}");
            assert_eq!(masked("quite-another-secret", &text, false), text, "{name}");
        }
    }
}

#[test]
fn a_secret_that_is_truncated_is_masked() {
    for key in KEYS {
        for (name, spell) in ESCAPED.iter().chain(&PACKED) {
            let whole = spell(key);
            // At least the first seven characters of the key are there.
            for length in (spell(&key[..7]).len() + 10..=whole.len()).rev().step_by(5) {
                let shown = masked(key, &whole[..length], true);
                let bare = shown.trim_start_matches("0x").trim_end_matches('=').strip_prefix(MASK);
                // Remaining padding reveals nothing; it may be truncated.
                let most = if key.ends_with('=') { "\\u0025\\u0033\\u004".len() } else { 0 };
                let is_masked = bare.is_some_and(|bare| bare.len() <= most);
                assert!(is_masked, "{key} as {name}: {}: {shown}", &whole[..length]);
            }
        }
    }
    let key = "s3cr&t/of-ours";
    assert_eq!(masked(key, "x-api-key: s3cr&t/", true), "x-api-key: ****");
    assert_eq!(masked(key, "x-api-key: s3cr&t/", false), "x-api-key: s3cr&t/");
    assert_eq!(masked(key, "nothing of it, s3c", true), "nothing of it, s3c");
    assert_eq!(masked(key, "é", true), "é");
}

#[test]
fn a_secret_inside_base64_is_masked_at_every_alignment() {
    for key in KEYS {
        for before in ["", "a", "ab", "abc", "user:", "x-api-key: ", "{\"k\":\""] {
            for after in ["", "!", "!?", "\r\nhost: example.org\r\n"] {
                let text = format!("{before}{key}{after}");
                // The text around the secret remains, except one character at each end.
                let left = "word".len() + (json(before).len() + json(after).len()) * 4 / 3 + 5;
                for line in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(json(&text))] {
                    let line = format!("word{line}");
                    let shown = masked(key, &line, false);
                    assert!(shown.contains(MASK), "{key} after {before}: {shown}");
                    assert!(shown.len() <= left + MASK.len(), "{text}: {shown}");
                }
            }
        }
    }
}

#[test]
fn a_base64_secret_is_masked_in_other_encodings_of_its_bytes() {
    let raw: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(73) ^ 0xe5).collect();
    let (secret, bare) = (STANDARD.encode(&raw), STANDARD_NO_PAD.encode(&raw));
    let url = URL_SAFE.encode(&raw);
    let digits: String = raw.iter().map(|byte| hex(*byte)).collect();
    let latin: String = raw.iter().map(|byte| char::from(*byte)).collect();
    let list = format!("{raw:?}");
    for text in [&secret, &bare, &url, &digits, &latin, &list, &STANDARD.encode(&secret)] {
        let shown = masked(&secret, &format!("whsec_ {text}."), false);
        let bare = shown.replace(['=', '[', ']'], "");
        assert_eq!(bare, "whsec_ ****.", "{text}: {shown}");
    }
}

#[test]
fn several_secrets_are_masked_and_the_document_keeps_its_form() {
    let masks = Masks::new(&["first-secret", "second/secret"]);
    let mut text =
        r#"{"a":"","k":"first-secret","é":"second\/secret","n":[1,2,3],"u":"%zz &x; \q"}"#
            .to_owned();
    masks.mask(&mut text, false);
    assert_eq!(text, r#"{"a":"","k":"****","é":"****","n":[1,2,3],"u":"%zz &x; \q"}"#);
}

#[test]
fn a_short_placeholder_is_not_masked() {
    for (key, text) in [("key", "a key in the key"), ("", "a"), ("key====", "key====")] {
        assert_eq!(masked(key, text, true), text);
    }
}

/// Random sequences of fragments: masking never panics, and a plain secret is always masked.
#[test]
fn random_text_with_a_secret_is_masked() {
    let parts = [
        "\\",
        "\\u00",
        "\\u0041",
        "%",
        "%4",
        "%41",
        "&",
        "&#",
        "&#x41;",
        "&amp;",
        "=",
        "=\r\n",
        "=4",
        "'",
        "\"",
        "é",
        "\u{85}",
        "41",
        "4",
        "0x",
        ", ",
        "65",
        "QUFB",
        "日",
        "\n",
        "AAAAAAAAAA",
    ];
    let mut seed = 7_usize;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..1000 {
        let mut text = String::new();
        for _ in 0..next(60) {
            text.push_str(parts[next(parts.len())]);
        }
        for key in ["AAAAAAAA", "\\u0041%41&amp;", "''\"\"''\"\"", "é日é日é日"] {
            let shown = masked(key, &format!("{text}{key}{text}"), next(2) == 0);
            assert!(!shown.contains(key) && shown.contains(MASK), "{key} in {text:?}: {shown:?}");
        }
    }
}
