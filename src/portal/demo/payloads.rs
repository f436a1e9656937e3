//! The bodies of the demo's events: people, queues and notes in several languages. Some producers
//! escape what is not ASCII, some indent, as producers do.

use std::time::Duration;

use serde_json::json;

use super::rng::Rng;
use crate::domain::{event::EventType, time::Timestamp};

const AGENTS: &[(&str, &str)] = &[
    ("Maria Lindqvist", "maria.lindqvist"),
    ("Jürgen Weiß", "juergen.weiss"),
    ("José Álvarez", "jose.alvarez"),
    ("Zoë O'Brien", "zoe.obrien"),
    ("佐藤 陽子", "yoko.sato"),
    ("Łukasz Żółć", "lukasz.zolc"),
    ("محمد العلي", "m.alali"),
    ("Ngozi Okafor", "ngozi.okafor"),
];
const QUEUES: &[&str] =
    &["Support", "Sales", "Störungen", "Kündigung", "Premium", "Schadensmeldung", "サポート"];
const MEDIA: &[&str] = &["Phone", "Webchat", "E-mail", "WhatsApp", "SMS"];
const CODES: &[&str] = &["Success", "Call back", "Wrong number", "No interest", "Escalated"];
const NOTES: &[&str] = &[
    "Customer asks for a call back tomorrow morning.",
    "Rechnung korrigiert, Gutschrift über 24,90 € veranlasst.",
    "Très content du service ☺",
    "住所変更を受け付けました。",
    "",
    "Long story: the parcel was returned twice, the address has a typo (Strasse/Straße), and the \
     depot is closed on Mondays. Promised a new delivery within three working days.",
];

/// A body of this event type, about something that happened at `at`. Bodies with the same ordering
/// key occur now and then.
pub fn body(rng: &mut Rng, event_type: EventType, at: Timestamp) -> String {
    let phone = format!("+4930{}", rng.between(1_000_000, 9_999_999));
    let (name, login) = rng.pick(AGENTS);
    let agent = &format!("{:08x}{}", login.len() * 7919, "9f21c4d0a7b3e516");
    let time = at.rfc3339();
    let queue = rng.pick(QUEUES);
    let body = match event_type {
        EventType::ConversationAbandoned => json!({
            "customerPhoneNumber": phone,
            "timeInQueue": rng.skewed(3, 900),
            "timestamp": time,
            "queue": queue,
        }),
        EventType::OutboundCallInitiated => json!({
            "agentID": agent,
            "targetPhoneNumber": phone,
            "Timestamp": time,
        }),
        EventType::WorkItemClosed => {
            let began = at.before(Duration::from_secs(rng.between(40, 3000).unsigned_abs()));
            json!({
                "id": rng.hex(32),
                "mediaType": rng.pick(MEDIA),
                "isOutbound": rng.percent(30),
                "createdAt": began.rfc3339(),
                "closedAt": time,
                "agent": {
                    "id": agent,
                    "name": name,
                    "email": format!("{login}@northwind.example"),
                },
                "customerIdentifier": phone,
                "primaryConversationId": format!("c{:031x}", rng.between(0, 400)),
                "completionCode": rng.pick(CODES),
                "notes": rng.pick(NOTES),
                "result": "Handled",
            })
        }
    };
    let text = body.to_string();
    match rng.between(0, 10) {
        0 | 1 => escaped(&text),
        2 => format!("{body:#}"),
        _ => text,
    }
}

/// The same JSON with everything that is not ASCII escaped.
fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            plain.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            plain.push_str(&format!("\\u{unit:04x}"));
        }
    }
    plain
}

/// A member of a body, as an ordering key.
pub fn member(body: &str, name: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    body.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::catalogue;

    #[test]
    fn bodies_match_their_schemas() {
        let mut rng = Rng::new(7);
        for round in 0..300 {
            let at = Timestamp(1_700_000_000_000 + round);
            for event_type in EventType::ALL {
                let body = body(&mut rng, *event_type, at);
                let value = serde_json::from_str(&body).expect(&body);
                assert_eq!(catalogue::validate(*event_type, &value), Ok(()), "{body}");
            }
        }
    }
}
