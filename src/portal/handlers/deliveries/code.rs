//! The request of a delivery as commands (curl, HTTPie) and as programs that sign it again
//! (JavaScript, Python, C#). Secrets come from environment variables. Imports the view data only.

use std::fmt::Write;

use url::Url;

use crate::view::deliveries::Code;

/// Bytes of a payload that the code contains. A larger one is read from a file.
const INLINE: usize = 64 * 1024;

const UNSIGNED: &str = "Set API_KEY first. The command has no timestamp and no signature, so \
                        receivers that verify them reject it.";

/// All forms of the request. Nothing without a URL.
pub fn all(url: &str, headers: &[(String, String)], body: Option<&str>) -> Vec<Code> {
    if url.is_empty() {
        return Vec::new();
    }
    let body = body.filter(|body| body.len() <= INLINE);
    let file = if body.is_none() { " Save the payload as body.json first." } else { "" };
    let command = |key: &str, name: &str, text: String| Code {
        key: key.to_owned(),
        name: name.to_owned(),
        hint: format!("{UNSIGNED}{file}"),
        text,
    };
    let program = |key: &str, name: &str, run: &str, template: &str, read: &str| Code {
        key: key.to_owned(),
        name: name.to_owned(),
        hint: format!(
            "Set API_KEY and SIGNING_SECRET, then run {run}. It signs the request and sends it to \
             a receiver on your machine.{file}"
        ),
        text: filled(template, url, headers, body, read),
    };
    vec![
        command("curl", "curl", curl(url, headers, body)),
        command("httpie", "HTTPie", httpie(url, headers, body)),
        program("javascript", "JavaScript", "node send.mjs", JAVASCRIPT, JAVASCRIPT_READ),
        program("python", "Python", "python3 send.py", PYTHON, PYTHON_READ),
        program("csharp", "C#", "dotnet run", CSHARP, CSHARP_READ),
    ]
}

/// Quoted for the shell, so that no value can inject a command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The headers that do not depend on a secret or on the time.
fn constant(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let changes = |name: &str| {
        matches!(name, "x-api-key" | "webhook-signature" | "webhook-timestamp" | "user-agent")
    };
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| !changes(name))
}

fn curl(url: &str, headers: &[(String, String)], body: Option<&str>) -> String {
    let mut command = format!("curl -X POST {} \\\n  -H \"x-api-key: $API_KEY\"", quoted(url));
    for (name, value) in constant(headers) {
        let _infallible = write!(command, " \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    let data = body.map_or("@body.json".to_owned(), quoted);
    let _infallible = write!(command, " \\\n  --data-binary {data}");
    command
}

fn httpie(url: &str, headers: &[(String, String)], body: Option<&str>) -> String {
    let mut command = format!("http POST {} \\\n  \"x-api-key:$API_KEY\"", quoted(url));
    for (name, value) in constant(headers) {
        let _infallible = write!(command, " \\\n  {}", quoted(&format!("{name}:{value}")));
    }
    let data = body.map_or("< body.json".to_owned(), |body| format!("--raw={}", quoted(body)));
    let _infallible = write!(command, " \\\n  {data}");
    command
}

/// A string literal of JSON, which JavaScript, Python and C# read alike.
fn literal(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    // Line breaks for C#.
    ['\u{85}', '\u{2028}', '\u{2029}'].into_iter().fold(text, |text, character| {
        text.replace(character, &format!("\\u{:04x}", u32::from(character)))
    })
}

/// A template with the values of the request. It is read once from start to end, so that nothing in
/// a value is replaced.
fn filled(
    template: &str,
    url: &str,
    headers: &[(String, String)],
    body: Option<&str>,
    read: &str,
) -> String {
    let find = |name: &str| headers.iter().find(|(known, _)| known == name);
    let value = |name: &str| find(name).map(|(_, value)| literal(value)).unwrap_or_default();
    let values = [
        ("LOCAL_URL", literal(&local(url))),
        ("EVENT_TYPE", value("x-service-hook-event")),
        ("MESSAGE_ID", value("webhook-id")),
        ("PAYLOAD", body.map_or(read.to_owned(), literal)),
    ];
    let (mut text, mut rest) = (String::new(), template);
    let next = |rest: &str| {
        let found = values.iter().filter_map(|(name, value)| Some((rest.find(name)?, name, value)));
        found.min_by_key(|(at, ..)| *at).map(|(at, name, value)| (at, name.len(), value))
    };
    while let Some((at, length, value)) = next(rest) {
        text.push_str(&rest[..at]);
        text.push_str(value);
        rest = &rest[at + length..];
    }
    text + rest
}

/// The same path on the reader's machine. No query: it may have a secret of the receiver.
fn local(url: &str) -> String {
    let path = Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default();
    format!("http://127.0.0.1:4000{path}")
}

const JAVASCRIPT_READ: &str = "(await import(\"node:fs\")).readFileSync(\"body.json\", \"utf8\")";
const JAVASCRIPT: &str = include_str!("send.mjs.txt");
const PYTHON_READ: &str = "open(\"body.json\", encoding=\"utf-8\", newline=\"\").read()";
const PYTHON: &str = include_str!("send.py.txt");
const CSHARP_READ: &str = "File.ReadAllText(\"body.json\")";
const CSHARP: &str = include_str!("send.cs.txt");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Vec<(String, String)> {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            of("x-api-key", "••••a91f"),
            of("x-service-hook-event", "work_item.closed"),
            of("webhook-id", "01-EVENT_TYPE"),
            of("webhook-timestamp", "12"),
            of("webhook-signature", "v1,…"),
        ]
    }

    #[test]
    fn a_command_quotes_its_values_and_has_no_key() {
        let body = "{\"a\": \"it's $HOME `id`\"}";
        let headers = [headers()[0].clone(), ("webhook-id".to_owned(), "1".to_owned())];
        assert_eq!(
            curl("https://example.com/a?b='c'", &headers, Some(body)),
            "curl -X POST 'https://example.com/a?b='\\''c'\\''' \\\n  -H \"x-api-key: $API_KEY\" \
             \\\n  -H 'webhook-id: 1' \\\n  --data-binary '{\"a\": \"it'\\''s $HOME `id`\"}'"
        );
        assert_eq!(
            httpie("https://example.com/", &headers, Some(body)),
            "http POST 'https://example.com/' \\\n  \"x-api-key:$API_KEY\" \\\n  'webhook-id:1' \
             \\\n  --raw='{\"a\": \"it'\\''s $HOME `id`\"}'"
        );
        assert!(curl("https://example.com", &headers, None).ends_with("@body.json"));
        assert!(httpie("https://example.com", &headers, None).ends_with("< body.json"));
    }

    #[test]
    fn every_form_is_complete_and_has_no_secret() {
        let body = "{\"a\":\"LOCAL_URL\u{2028}\\\"\"}";
        for code in all("https://example.com/EVENT_TYPE?token=hidden", &headers(), Some(body)) {
            let text = &code.text;
            assert!(text.contains("API_KEY") && !text.contains("a91f"), "{text}");
            assert!(!text.contains("v1,…") && !text.contains("PAYLOAD"), "{text}");
            assert!(text.contains("work_item.closed"), "{text}");
            assert!(text.contains("/EVENT_TYPE") && text.contains("01-EVENT_TYPE"), "{text}");
            let is_program = code.hint.contains("SIGNING_SECRET");
            assert_eq!(text.contains("SIGNING_SECRET"), is_program, "{text}");
            assert_eq!(is_program, !text.contains("hidden"), "{text}");
            assert!(!is_program || text.contains("{\\\"a\\\":\\\"LOCAL_URL\\u2028"), "{text}");
        }
        assert!(all("", &headers(), Some(body)).is_empty(), "no URL, no command");
        let large = "x".repeat(INLINE + 1);
        for code in all("https://example.com", &headers(), Some(&large)) {
            assert!(code.text.contains("body.json") && code.text.len() < 4096, "{}", code.text);
            assert!(code.hint.contains("body.json"), "{}", code.hint);
        }
    }
}
