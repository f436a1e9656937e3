//! The measured events, and the mark in each payload: the scheduled time and a number, at a fixed
//! position. Payloads are forwarded byte for byte, so the receiver finds the mark at the same
//! place.

/// Start of every payload. The mark follows: microseconds, `#`, number.
const OPENING: &str = r#"{"notes":"@"#;
const TIME: usize = 16;
const NUMBER: usize = 8;

pub const WORK_ITEM_CLOSED: &str = "work_item.closed";
pub const CONVERSATION_ABANDONED: &str = "conversation.abandoned";

/// The remaining payloads. The field `notes` can come first in each, because schemas allow
/// additional fields.
const WORK_ITEM: &str = concat!(
    r#"","id":"ff34b1fb68cd4f7f9921e70c08fab7a7","mediaType":"Webchat","isOutbound":true,"#,
    r#""createdAt":"2022-03-08T07:39:47.6052457Z","closedAt":"2022-03-08T07:41:47.6052457Z","#,
    r#""agent":{"id":"638858857ff57ad8637a7528","name":"Agent John","email":"john@agent.com","#,
    r#""phone":"+123456789"},"#,
    r#""customerIdentifier":"+123456789","customerId":"6d820576a3864160a715312b4e9ac376","#,
    r#""primaryConversationId":"48fad19d15104c8fbd7344853f35019e","#,
    r#""completionCode":"Success","result":"Handled"}"#,
);
const CONVERSATION: &str = concat!(
    r#"","customerPhoneNumber":"+123456789","timeInQueue":42,"#,
    r#""timestamp":"2022-03-08T07:39:47.6052457Z","#,
    r#""queue":"Support"}"#,
);

/// A payload of at least `size` bytes with an empty mark.
pub fn body(event: &str, size: usize) -> String {
    let fields = if event == CONVERSATION_ABANDONED { CONVERSATION } else { WORK_ITEM };
    let mark = format!("{}#{} ", "0".repeat(TIME), "0".repeat(NUMBER));
    let padding = size.saturating_sub(OPENING.len() + mark.len() + fields.len());
    format!("{OPENING}{mark}{}{fields}", "x".repeat(padding))
}

/// The positions of the marks in a request.
pub fn places(request: &[u8]) -> Vec<usize> {
    let windows = request.windows(OPENING.len()).enumerate();
    windows
        .filter(|(_, window)| *window == OPENING.as_bytes())
        .map(|(start, _)| start + OPENING.len())
        .collect()
}

/// Writes a mark at a position.
pub fn write(request: &mut [u8], place: usize, time: u64, number: u32) {
    digits(&mut request[place..place + TIME], time);
    digits(&mut request[place + TIME + 1..place + TIME + 1 + NUMBER], number.into());
}

/// Reads the mark of a payload: the scheduled time, and the number.
pub fn read(body: &[u8]) -> Option<(u64, u32)> {
    let mark = body.strip_prefix(OPENING.as_bytes())?;
    let text = |range| std::str::from_utf8(mark.get(range)?).ok();
    let time = text(0..TIME)?.parse().ok()?;
    let number = text(TIME + 1..TIME + 1 + NUMBER)?.parse().ok()?;
    Some((time, number))
}

fn digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}
