//! Does the master key fit the database? A value that everybody knows is kept there sealed, so a
//! wrong key is found out before anything is sent or sealed with it. It is written by the first
//! process that opens the database; from then on every other one, on whichever machine, must bring
//! the same key. A key is made only where nothing is sealed yet.

use std::path::Path;

use super::{
    db::{Conn, Db, on_db},
    error::Error,
    hooks,
    secrets::{self, Place, Vault},
};
use crate::engine::{clock::Clock, config::Settings};

const KNOWN: &[u8] = b"service-hooks";
const PLACE: Place<'static> = Place { table: "known_value", column: "sealed", row: b"1" };
const SETTING: &str = "SERVICE_HOOKS_MASTER_KEY_FILE";

/// Reads the master key, or makes it where nothing is sealed yet and SQLite keeps the data on this
/// machine. Refuses one that does not open what is sealed.
pub(super) async fn settle(db: &Db, settings: &Settings) -> Result<Vault, Error> {
    let conn = &mut db.own().await?;
    let (path, is_given) = secrets::path(settings.master_key_file.as_deref(), &settings.data_dir);
    let is_sealed = known(conn).await?.is_some() || is_anything_sealed(conn).await?;
    let vault = match secrets::read(&path).map_err(Error::Unfit)? {
        Some(vault) => vault,
        None if is_given || db.is_postgres() || is_sealed => {
            return Err(Error::Unfit(missing(&path, is_given, db.is_postgres(), is_sealed)));
        }
        None => secrets::make(&path).map_err(Error::Unfit)?,
    };
    let fits = match known(conn).await? {
        Some(sealed) => vault.open(PLACE, &sealed).is_ok(),
        None => opens_hooks(conn, &vault).await? && put(conn, &vault).await?,
    };
    if fits { Ok(vault) } else { Err(Error::Unfit(foreign(&path))) }
}

/// Does the key that this process holds open the known value? Another node may have replaced it
/// meanwhile.
pub(super) async fn fits(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    Ok(known(conn).await?.is_some_and(|sealed| vault.open(PLACE, &sealed).is_ok()))
}

async fn known(conn: &mut Conn) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on_db!(conn, c => sqlx::query_as("SELECT sealed FROM known_value \
        WHERE id = 1").fetch_optional(c).await)?;
    Ok(row.map(|(sealed,)| sealed))
}

async fn is_anything_sealed(conn: &mut Conn) -> Result<bool, Error> {
    Ok(!hooks::sealed_keys(conn).await?.is_empty() || is_any_draft_sealed(conn).await?)
}

/// The portal's drafts are sealed with this key too.
async fn is_any_draft_sealed(conn: &mut Conn) -> Result<bool, Error> {
    let (any,): (bool,) = on_db!(conn, c => sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM drafts WHERE expires_at > $1)",
    ).bind(Clock::System.now()).fetch_one(c).await)?;
    Ok(any)
}

/// A database of an earlier version has no known value. Its hooks tell: one that opens is enough,
/// as another may be damaged.
async fn opens_hooks(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    let sealed = hooks::sealed_keys(conn).await?;
    Ok(sealed.is_empty()
        || sealed.iter().any(|(id, key)| vault.open(hooks::place("api_key", id), key).is_ok()))
}

/// Writes the known value. False when a process with another key was faster.
async fn put(conn: &mut Conn, vault: &Vault) -> Result<bool, Error> {
    let sealed = vault.seal(PLACE, KNOWN);
    on_db!(conn, c => sqlx::query(
        "INSERT INTO known_value (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
    ).bind(sealed).execute(c).await.map(drop))?;
    fits(conn, vault).await
}

fn missing(path: &Path, is_given: bool, is_postgres: bool, is_sealed: bool) -> String {
    let path = path.display();
    if is_postgres && !is_given {
        return format!(
            "master_key_file must be given with PostgreSQL, the same for every node: openssl rand \
             -base64 48 > master.key, then {SETTING}=master.key"
        );
    }
    if is_sealed {
        return format!(
            "{path}: the master key is missing, and only it opens the keys of this database's \
             hooks. Put the file back, from your backup for example, or say where it is with \
             {SETTING}."
        );
    }
    format!("{path}: the master key is missing. Make one with: openssl rand -base64 48 > {path}")
}

fn foreign(path: &Path) -> String {
    format!(
        "{}: this is not the master key of this database: it does not open what is sealed there. \
         Give the key that the database was set up with ({SETTING}); every node needs the same.",
        path.display()
    )
}
