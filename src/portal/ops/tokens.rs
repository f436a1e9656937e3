//! Bearer tokens of programs.

use super::Error;
use crate::{
    domain::{
        hook::parse_name,
        id::TokenId,
        invalid::Invalid,
        permission::{Permission, Permissions, right},
    },
    engine::store::{self, audit},
    portal::{
        auth::token,
        ctx::OpCtx,
        store::tokens::{self, Token},
    },
};

/// Creates a token. The returned secret is shown once and cannot be read again.
pub async fn create(
    ctx: &OpCtx,
    name: &str,
    permissions: &[String],
) -> Result<(Token, String), Error> {
    let grant = ctx.require(right::TokensManage)?;
    let mut invalid = Invalid::default();
    let name = invalid.take(parse_name(name)).unwrap_or_default();
    let permissions = read_permissions(permissions, &mut invalid);
    invalid.or(())?;
    let clock = ctx.portal.clock().clone();
    let secret = token::new_token();
    let created = Token {
        id: TokenId(clock.id()),
        name,
        permissions,
        created_at: clock.now(),
        revoked_at: None,
    };
    let (row, hash) = (created.clone(), token::hash(&secret));
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| {
            Box::pin(async move {
                tokens::insert(conn, &grant, &row, &hash).await?;
                audit::note(
                    conn,
                    &clock,
                    &grant,
                    "token.created",
                    &row.id.to_string(),
                    &row.permissions.text(),
                )
                .await
            })
        })
        .await;
    written?;
    Ok((created, secret))
}

fn read_permissions(keys: &[String], invalid: &mut Invalid) -> Permissions {
    let mut permissions = Vec::new();
    for key in keys {
        if let Some(permission) = Permission::from_key(key) {
            permissions.push(permission);
            continue;
        }
        let known: Vec<&str> = Permission::ALL.iter().map(|permission| permission.key()).collect();
        let words = format!("{key} is not a permission. Permissions: {}.", known.join(", "));
        invalid.add("permission", "unknown", words);
    }
    if keys.is_empty() && invalid.is_empty() {
        invalid.add("permission", "required", "Choose at least one permission.");
    }
    permissions.into_iter().collect()
}
