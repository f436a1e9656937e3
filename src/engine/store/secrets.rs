//! Secrets at rest, sealed with XChaCha20-Poly1305 under the master key. The associated data is the
//! place of the value (table, column, row), so a ciphertext copied to another row does not open.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{error::Error, files};
use crate::engine::clock::random_bytes;

/// First byte of every sealed value: the version of the format.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
/// Smallest accepted master key file, in bytes.
const MIN_KEY_FILE_BYTES: usize = 32;

/// Seals and opens values. Cheap to clone. Has no `Debug`, so the key cannot be printed.
#[derive(Clone)]
pub struct Vault(Arc<XChaCha20Poly1305>);

/// Where a sealed value is stored; it does not open anywhere else.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub table: &'static str,
    pub column: &'static str,
    pub row: &'a [u8],
}

impl Place<'_> {
    /// The associated data. The zero bytes keep different places from having the same bytes.
    fn bytes(self) -> Vec<u8> {
        [self.table.as_bytes(), b"\0", self.column.as_bytes(), b"\0", self.row].concat()
    }
}

impl Vault {
    /// The cipher key is a hash of the bytes of the file. So any file of at least 32 random bytes
    /// will do, in any encoding (raw, hex, base64). Trailing white space is ignored.
    pub fn from_key_file(bytes: &[u8]) -> Result<Self, String> {
        let trimmed = bytes.trim_ascii_end();
        if trimmed.len() < MIN_KEY_FILE_BYTES {
            return Err(
                "the master key file must have at least 32 bytes. Create one with: openssl rand \
                 -base64 48"
                    .into(),
            );
        }
        let key = Sha256::new()
            .chain_update(b"service-hooks master key\0")
            .chain_update(trimmed)
            .finalize();
        Ok(Self(Arc::new(XChaCha20Poly1305::new(&key))))
    }

    /// Seals a secret under a random nonce: format byte, nonce, ciphertext.
    pub fn seal(&self, place: Place<'_>, secret: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random_bytes();
        let payload = Payload { msg: secret, aad: &place.bytes() };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .expect("sealing fails only beyond 256 GiB");
        [&[FORMAT], nonce.as_slice(), sealed.as_slice()].concat()
    }

    /// Fails with [`Error::Sealed`] for damaged values and for a wrong key: the two look the same.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let inconsistent = || Error::Inconsistent { table: place.table, column: place.column };
        let (&format, after_format) = sealed.split_first().ok_or_else(inconsistent)?;
        if format != FORMAT {
            return Err(inconsistent());
        }
        let (nonce, message) =
            after_format.split_first_chunk::<NONCE_BYTES>().ok_or_else(inconsistent)?;
        let payload = Payload { msg: message, aad: &place.bytes() };
        let sealed = |_| Error::Sealed { table: place.table, column: place.column };
        self.0.decrypt(&XNonce::from(*nonce), payload).map_err(sealed)
    }
}

/// The path of the master key, and whether it was configured.
pub(super) fn path(configured: Option<&Path>, data_dir: &Path) -> (PathBuf, bool) {
    (configured.map_or_else(|| data_dir.join("master.key"), PathBuf::from), configured.is_some())
}

/// Reads a master key; `None` when the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vault>, String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(format!("{}: can't read the master key: {error}", path.display()));
        }
    };
    files::restrict_key(path);
    Vault::from_key_file(&bytes)
        .map(Some)
        .map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Generates a key that only its owner can read. It is written to a temporary file and hard-linked
/// into place. So when two processes start at once, one wins and both read the same key.
pub(super) fn make(path: &Path) -> Result<Vault, String> {
    let failed =
        |error: io::Error| format!("{}: can't make the master key: {error}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    files::make_folder(folder).map_err(|error| error.to_string())?;
    let unique = HEXLOWER.encode(&random_bytes::<8>());
    let scratch = path.with_extension(unique);
    let hex = HEXLOWER.encode(&random_bytes::<32>());
    let mut file = files::open_private(&scratch).map_err(failed)?;
    file.write_all(hex.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let linked = fs::hard_link(&scratch, path);
    fs::remove_file(&scratch).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => fs::File::open(folder).and_then(|handle| handle.sync_all()).map_err(failed)?,
    }
    // Reads the file that won, which may be that of another process.
    read(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(seed: u8) -> Vault {
        Vault::from_key_file(&[seed; 32]).unwrap()
    }

    const HERE: Place<'_> = Place { table: "hooks", column: "api_key", row: b"row one" };

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let sealed = vault(1).seal(HERE, b"CANARY");
        assert!(!sealed.windows(6).any(|window| window == b"CANARY"));
        assert_eq!(vault(1).open(HERE, &sealed).unwrap(), b"CANARY");
        let elsewhere = [
            Place { row: b"row two", ..HERE },
            Place { column: "signing_secret", ..HERE },
            Place { table: "drafts", ..HERE },
        ];
        for place in elsewhere {
            assert!(vault(1).open(place, &sealed).is_err());
        }
        assert!(vault(2).open(HERE, &sealed).is_err(), "another master key");
    }

    #[test]
    fn damaged_values_are_errors_not_panics() {
        let sealed = vault(1).seal(HERE, b"secret");
        for length in 0..sealed.len() {
            assert!(vault(1).open(HERE, &sealed[..length]).is_err());
        }
        for position in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[position] ^= 1;
            assert!(vault(1).open(HERE, &flipped).is_err(), "byte {position}");
        }
    }

    #[test]
    fn a_short_key_file_is_refused_and_says_how_to_make_one() {
        assert!(Vault::from_key_file(b"short\n").err().unwrap().contains("openssl"));
    }
}
