//! A hook's API key and signing secret, sealed in its row.

use super::Row;
use crate::{
    domain::{
        hook::{ApiKey, Hook},
        id::HookId,
        permission::{Grant, right},
    },
    engine::store::{
        db::{Conn, on_db},
        error::Error,
        secrets::{Place, Vault},
    },
};

/// The secrets a hook's requests are sent and signed with. Never printed: this type has no `Debug`.
#[derive(Clone)]
pub struct Secrets {
    pub api_key: ApiKey,
    /// `whsec_...`
    pub signing_secret: String,
}

/// Where a secret is stored. It is the associated data of the encryption, so a ciphertext is valid
/// only in its own row and column.
pub(in crate::engine::store) fn secret_location<'a>(
    column: &'static str,
    id: &'a HookId,
) -> Place<'a> {
    Place { table: "hooks", column, row: id.0.as_bytes() }
}

/// The secrets of one hook that is not deleted.
async fn load_secrets(conn: &mut Conn, vault: &Vault, id: HookId) -> Result<Secrets, Error> {
    let (api_key, signing_secret): (Vec<u8>, Vec<u8>) = on_db!(conn, c => sqlx::query_as(
        "SELECT api_key, signing_secret FROM hooks WHERE id = $1 AND deleted_at IS NULL",
    ).bind(id).fetch_one(c).await)?;
    open_secrets(vault, id, &api_key, &signing_secret)
}

fn open_secrets(
    vault: &Vault,
    id: HookId,
    api_key: &[u8],
    signing_secret: &[u8],
) -> Result<Secrets, Error> {
    let open = |column: &'static str, sealed: &[u8]| {
        let bytes = vault.open(secret_location(column, &id), sealed)?;
        String::from_utf8(bytes).map_err(|_| Error::Inconsistent { table: "hooks", column })
    };
    let parsed = ApiKey::parse(&open("api_key", api_key)?);
    Ok(Secrets {
        api_key: parsed.map_err(|_| Error::Inconsistent { table: "hooks", column: "api_key" })?,
        signing_secret: open("signing_secret", signing_secret)?,
    })
}

/// The sealed API keys of up to 20 hooks, to check that the master key can decrypt them.
pub(in crate::engine::store) async fn sealed_keys(
    conn: &mut Conn,
) -> Result<Vec<(HookId, Vec<u8>)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT id, api_key FROM hooks WHERE deleted_at IS NULL ORDER BY id LIMIT 20",
    ).fetch_all(c).await)?)
}

/// A hook and its secrets, from one query: an API key may only be sent to the URL it was entered
/// for, so both must come from the same snapshot. Used to send requests to that URL, which does not
/// reveal the secrets to the user, so `hooks:write` is sufficient.
pub async fn find_with_secrets(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    vault: &Vault,
    id: HookId,
) -> Result<Option<(Hook, Secrets)>, Error> {
    find_with_secrets_ungranted(conn, vault, id).await
}

/// Like [`find_with_secrets`], for the engine, which needs no grant.
pub(in crate::engine) async fn find_with_secrets_ungranted(
    conn: &mut Conn,
    vault: &Vault,
    id: HookId,
) -> Result<Option<(Hook, Secrets)>, Error> {
    #[derive(sqlx::FromRow)]
    struct HookWithSecrets {
        #[sqlx(flatten)]
        row: Row,
        api_key: Vec<u8>,
        signing_secret: Vec<u8>,
    }
    let found: Option<HookWithSecrets> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, event_type, callback_url, enabled, off_reason, api_key_hint, \
         retry_schedule, timeout_ms,
                in_flight, rate_per_second, order_by, created_at, updated_at, version, api_key, \
                signing_secret
         FROM hooks WHERE id = $1 AND deleted_at IS NULL",
    ).bind(id).fetch_optional(c).await)?;
    let Some(HookWithSecrets { row, api_key, signing_secret }) = found else { return Ok(None) };
    let secrets = open_secrets(vault, id, &api_key, &signing_secret)?;
    Ok(Some((row.into_hook()?, secrets)))
}

/// A hook's secrets in plain text, for a user with the permission to see them.
pub async fn reveal(
    conn: &mut Conn,
    _by: &Grant<right::SecretsReveal>,
    vault: &Vault,
    id: HookId,
) -> Result<Secrets, Error> {
    load_secrets(conn, vault, id).await
}
