//! Standard Webhooks 1.0 signatures: HMAC-SHA256 over `id.timestamp.body`. The key is the base64
//! decoded part of the secret after `whsec_`.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::engine::clock::random_bytes;

pub const PREFIX: &str = "whsec_";
/// Minimum length of an encoded signature: 32 bytes in base64 without padding. A shorter text
/// cannot contain one.
pub const MIN_ENCODED_LEN: usize = 43;

/// A new secret of 32 random bytes. The specification allows 24 to 64.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", BASE64_STANDARD.encode(random_bytes::<32>()))
}

/// The key bytes of a secret. `None` if it is malformed or not 24 to 64 bytes long.
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

/// A secret with its HMAC key schedule computed once.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// `None` if the secret is malformed.
    pub fn new(secret: &str) -> Option<Self> {
        Some(Self::from_bytes(&secret_bytes(secret)?))
    }

    fn from_bytes(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }

    /// The value of the header `webhook-signature`. `timestamp` is the time of the attempt in
    /// seconds since 1970; the same text goes into `webhook-timestamp`.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let tag = self.mac(id, timestamp, body).finalize().into_bytes();
        let mut signature = String::with_capacity(48);
        signature.push_str("v1,");
        BASE64_STANDARD.encode_string(tag, &mut signature);
        signature
    }
}

/// Signs once, with the key bytes of a secret.
pub fn sign(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    Signer::from_bytes(secret).sign(id, &timestamp.to_string(), body)
}

/// Whether any signature in a header is valid. Each comparison takes constant time. Signatures with
/// an unknown version are ignored.
pub fn verify(secret: &[u8], id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    header.split(' ').filter_map(|part| part.strip_prefix("v1,")).any(|encoded| {
        let Ok(tag) = BASE64_STANDARD.decode(encoded) else { return false };
        Signer::from_bytes(secret).mac(id, &timestamp.to_string(), body).verify_slice(&tag).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of Standard Webhooks, and two made with an independent implementation.
    #[test]
    fn known_vectors_sign_and_verify() {
        let official = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let rows: [(&str, &str, i64, &[u8], &str); 4] = [
            (
                official,
                id,
                1_614_265_330,
                br#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                br#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (official, id, 1_614_265_330, b"", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
            (
                official,
                id,
                1_614_265_330,
                "{\"s\":\"é😀\\u0000\"}".as_bytes(),
                "v1,/58TraP6O/np9EJfiMBFvTpY+5SdFvlM7IJ9rARUdY0=",
            ),
        ];
        for (secret, id, timestamp, body, signature) in rows {
            let secret = secret_bytes(secret).unwrap();
            assert_eq!(sign(&secret, id, timestamp, body), signature);
            assert!(verify(&secret, id, timestamp, body, &format!("v2,xx v1,AAAA {signature}")));
            assert!(!verify(&secret, id, timestamp + 1, body, signature));
            assert!(!verify(&secret, "other", timestamp, body, signature));
        }
    }

    #[test]
    fn malformed_secrets_are_refused() {
        for bad in
            ["", "whsec_", "whsec_%", "hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="]
        {
            assert_eq!(secret_bytes(bad), None, "{bad}");
        }
        assert_eq!(secret_bytes(&new_secret()).map(|bytes| bytes.len()), Some(32));
    }

    #[test]
    fn the_reference_library_accepts_our_signatures() {
        let secret = new_secret();
        let webhook = standardwebhooks::Webhook::new(&secret).unwrap();
        for length in [0, 1, 63, 64, 65, 5000] {
            let body = "é".repeat(length);
            let ours =
                sign(&secret_bytes(&secret).unwrap(), "id-1", 1_700_000_000, body.as_bytes());
            assert_eq!(webhook.sign("id-1", 1_700_000_000, body.as_bytes()).unwrap(), ours);
        }
    }
}
