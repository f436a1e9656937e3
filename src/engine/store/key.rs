//! Checks that the master key fits the database. A known plaintext is stored sealed, so a wrong key
//! is detected before anything is sent or sealed with it. The first process that opens the database
//! writes it; every later process, on any machine, must have the same key. A key is generated only
//! while nothing is sealed yet.

use std::path::Path;

use super::{
    db::{Conn, Db, on_db},
    error::Error,
    hooks,
    secrets::{self, Place, Vault},
};
use crate::engine::{clock::Clock, config::Settings};

/// The plaintext of the known value. It is public: only a correct key seals and opens it.
const KNOWN_PLAINTEXT: &[u8] = b"service-hooks";
const PLACE: Place<'static> = Place { table: "known_value", column: "sealed", row: b"1" };
const SETTING: &str = "SERVICE_HOOKS_MASTER_KEY_FILE";

/// Reads the master key. Generates one only with SQLite in the default place, while nothing is
/// sealed yet. Refuses a key that does not open what is sealed.
pub(super) async fn open_vault(db: &Db, settings: &Settings) -> Result<Vault, Error> {
    let conn = &mut db.connect_unpooled().await?;
    let (path, is_given) = secrets::path(settings.master_key_file.as_deref(), &settings.data_dir);
    let is_sealed = sealed_known_value(conn).await?.is_some() || is_anything_sealed(conn).await?;
    let vault = match secrets::read(&path).map_err(Error::Unfit)? {
        Some(vault) => vault,
        None if is_given || db.is_postgres() || is_sealed => {
            return Err(Error::Unfit(missing_key_message(
                &path,
                is_given,
                db.is_postgres(),
                is_sealed,
            )));
        }
        None => secrets::make(&path).map_err(Error::Unfit)?,
    };
    let fits = match sealed_known_value(conn).await? {
        Some(sealed) => vault.open(PLACE, &sealed).is_ok(),
        None => opens_hooks(conn, &vault).await? && insert_known_value(conn, &vault).await?,
    };
    if fits { Ok(vault) } else { Err(Error::Unfit(wrong_key_message(&path))) }
}

/// Does the key of this process open the known value? Another node may have replaced it.
pub(super) async fn fits(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    Ok(sealed_known_value(conn).await?.is_some_and(|sealed| vault.open(PLACE, &sealed).is_ok()))
}

/// The known value as stored; `None` in a database that has none yet.
async fn sealed_known_value(conn: &mut Conn) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on_db!(conn, c => sqlx::query_as("SELECT sealed FROM known_value \
        WHERE id = 1").fetch_optional(c).await)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Would a new key make stored secrets unreadable?
async fn is_anything_sealed(conn: &mut Conn) -> Result<bool, Error> {
    Ok(!hooks::sealed_keys(conn).await?.is_empty() || is_any_draft_sealed(conn).await?)
}

/// The portal's drafts are sealed with the same key.
async fn is_any_draft_sealed(conn: &mut Conn) -> Result<bool, Error> {
    let (any,): (bool,) = on_db!(conn, c => sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM drafts WHERE expires_at > $1)",
    ).bind(Clock::System.now()).fetch_one(c).await)?;
    Ok(any)
}

/// A database of an earlier version has no known value, so its sealed hook keys are tried. One that
/// opens is enough, because another may be damaged.
async fn opens_hooks(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    let sealed = hooks::sealed_keys(conn).await?;
    Ok(sealed.is_empty()
        || sealed
            .iter()
            .any(|(id, key)| vault.open(hooks::secret_location("api_key", id), key).is_ok()))
}

/// Inserts the known value unless another process has. Returns whether the stored one opens with
/// this key: false when a process with another key was first.
async fn insert_known_value(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    let sealed = vault.seal(PLACE, KNOWN_PLAINTEXT);
    on_db!(conn, c => sqlx::query(
        "INSERT INTO known_value (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
    ).bind(sealed).execute(c).await.map(drop))?;
    fits(conn, vault).await
}

/// What to do when the key file is missing, for each of its causes.
fn missing_key_message(path: &Path, is_given: bool, is_postgres: bool, is_sealed: bool) -> String {
    let path = path.display();
    if is_postgres && !is_given {
        return format!(
            "PostgreSQL requires master_key_file, the same on every node. Create it with: openssl \
             rand -base64 48 > master.key, then set {SETTING}=master.key"
        );
    }
    if is_sealed {
        return format!(
            "{path}: the master key is missing. Without it, the stored API keys can't be \
             decrypted. Restore the file from a backup, or set its location with {SETTING}."
        );
    }
    format!("{path}: the master key is missing. Create it with: openssl rand -base64 48 > {path}")
}

fn wrong_key_message(path: &Path) -> String {
    format!(
        "{}: this is not the master key of this database: it can't decrypt the stored secrets. Set \
         {SETTING} to the key that the database was created with; every node needs the same.",
        path.display()
    )
}
