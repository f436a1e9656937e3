//! What an HTTP status means for a delivery.

use super::{Diagnosis, says};

/// Statuses with their own meaning first; the others by their class.
pub(super) fn diagnose(status: u16) -> Diagnosis {
    match status {
        200..300 => says("The receiver accepted the event.", ""),
        304 => says(
            "The receiver returned 304 Not Modified, which is not valid for a POST request.",
            "Check for a cache between this server and the receiver. It must not handle POST.",
        ),
        300..400 => says(
            "The receiver returned a redirect. Redirects are not followed, because the new target \
             would get the API key.",
            "Change the callback URL to the one in the response's location header.",
        ),
        400..500 | 511 => of_client_error(status),
        500..600 => of_server_error(status),
        _ => {
            says("The receiver returned an unexpected status.", "Check that the port speaks HTTP.")
        }
    }
}

fn of_server_error(status: u16) -> Diagnosis {
    match status {
        500 => says(
            "The receiver returned 500 Internal Server Error: it failed while handling the event.",
            "Check the receiver's log for this time and event ID.",
        ),
        501 => says(
            "The receiver returned 501 Not Implemented: it doesn't support this request.",
            "Check that the callback URL points to the right application.",
        ),
        502 => says(
            "A proxy returned 502 Bad Gateway: it got no valid response from the receiver.",
            "Check that the receiver is running and that the proxy points to its address.",
        ),
        503 => says(
            "The receiver returned 503 Service Unavailable: it is overloaded or under \
             maintenance.",
            "If this persists, check the receiver.",
        ),
        504 => says(
            "A proxy returned 504 Gateway Timeout: the receiver didn't respond to it in time.",
            "Store the event, respond with 2xx immediately, and process the event afterwards.",
        ),
        520..531 => says(
            "The receiver's CDN or network provider couldn't reach the receiver (52x).",
            "Check the provider's console. The receiver must allow the provider's addresses.",
        ),
        _ => says(
            "The receiver returned a server error (5xx).",
            "Check the receiver's log for this time and event ID.",
        ),
    }
}

fn of_client_error(status: u16) -> Diagnosis {
    match status {
        400 | 422 => says(
            "The receiver rejected the payload.",
            "Check its response for the reason. Compare the payload with the event's JSON Schema \
             and with what the receiver expects.",
        ),
        401 => says(
            "The receiver returned 401 Unauthorized: it didn't accept the API key.",
            "Compare this hook's API key with the receiver's. The key is in the x-api-key header.",
        ),
        403 => says(
            "The receiver returned 403 Forbidden: the API key lacks a permission, or a firewall \
             blocks this server.",
            "Check the key's permissions and the receiver's IP allowlist.",
        ),
        404 => says(
            "The receiver returned 404 Not Found: it has nothing at this path.",
            "Check the path of the callback URL.",
        ),
        405 => says(
            "The receiver returned 405 Method Not Allowed: it doesn't accept POST at this path.",
            "Check that the path of the callback URL is correct and that its route accepts POST.",
        ),
        406 | 415 => says(
            "The receiver doesn't accept JSON at this path.",
            "Make it accept the content type application/json.",
        ),
        407 | 511 => says(
            "A proxy requires authentication.",
            "Allow this server to reach the receiver without proxy authentication.",
        ),
        _ => of_rare_client_error(status),
    }
}

/// Statuses about a single delivery or about limits.
fn of_rare_client_error(status: u16) -> Diagnosis {
    match status {
        408 => says(
            "The receiver returned 408 Request Timeout: the request arrived too slowly.",
            "Check for a slow network or proxy between this server and the receiver.",
        ),
        409 => says(
            "The receiver returned 409 Conflict: it already has this event, or is processing it.",
            "Return 2xx for events that were received before. They have the same webhook-id.",
        ),
        410 => says(
            "The receiver returned 410 Gone: this URL no longer accepts events.",
            "Enter the receiver's new URL in the hook's settings.",
        ),
        413 => says(
            "The receiver returned 413 Content Too Large: the payload exceeds its limit.",
            "Raise the limit of the receiver or of its proxy.",
        ),
        429 => says(
            "The receiver returned 429 Too Many Requests: it limits the rate of requests.",
            "Set a rate limit in this hook's settings, or raise the receiver's limit. We honour \
             Retry-After.",
        ),
        431 => says(
            "The receiver returned 431: the request headers are too large for it.",
            "Raise its limit, or use a shorter API key.",
        ),
        _ => says("The receiver rejected the request (4xx).", "Check its response for the reason."),
    }
}

/// The reason phrase of a common status: `Service Unavailable` for 503.
pub fn status_words(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return None,
    })
}
