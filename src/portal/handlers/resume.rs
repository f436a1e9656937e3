//! Shows a form again that was posted after its user's session had ended. Nothing is carried out:
//! the values become an ordinary draft, and saving them is a new click.

use serde::Deserialize;

use super::{editor, flash, preferences, test_send};
use crate::{
    domain::id::DraftId,
    portal::{
        auth::kept::{KEPT, KeptForms},
        ops::kept::{self, Kept},
        request::{RPC_PREFIX, Request, request},
    },
    view::{
        Error,
        session::{FlashKind, Resumed},
        words::session::RESUMED,
    },
};

/// The server functions whose forms are kept: those into which something is typed. All other forms
/// lead back to their page, which has their values in its address or has none.
const FUNCTIONS: &[&str] = &[
    "hooks/create",
    "hooks/update",
    "hooks/generate_key",
    "hooks/try_out",
    "test_send/check_body",
    "test_send/send_body",
    "preferences/save",
];

/// The server function with this path, if its forms are kept.
pub fn kept_function(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix(RPC_PREFIX)?;
    FUNCTIONS.iter().copied().find(|function| path.ends_with(&format!("/rpc/{function}")))
}

/// The form of a test.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TestForm {
    id: String,
    body: String,
}

/// Redirects to the kept form.
pub async fn resume(form: &str) -> Result<Resumed, Error> {
    let request = request()?;
    let user = request.respond(crate::portal::ops::preferences::signed_in_user(&request.ctx))?.id;
    let forms: KeptForms = request.cookie(KEPT).unwrap_or_default();
    let Ok(id) = form.parse::<DraftId>() else { return Ok(Resumed::Gone) };
    let Some(secret) = forms.secret_of(id) else { return Ok(Resumed::Gone) };
    let Some(kept) = request.respond(kept::find(&request.ctx, id, secret).await)? else {
        return Ok(Resumed::Gone);
    };
    if kept.owner != user {
        return Ok(Resumed::Another);
    }
    show_again(&request, &kept).await?;
    flash(&request, FlashKind::Warning, RESUMED).await;
    Ok(Resumed::Shown)
}

async fn show_again(request: &Request, kept: &Kept) -> Result<(), Error> {
    match kept.function.as_str() {
        "preferences/save" => preferences::resume(request, parse(&kept.body)?).await,
        function if function.starts_with("test_send/") => {
            let TestForm { id, body } = parse(&kept.body)?;
            test_send::resume(request, &id, &body).await
        }
        _ => editor::resume(request, parse(&kept.body)?).await,
    }
}

/// Decodes a form as the server functions do.
fn parse<T: for<'de> Deserialize<'de>>(body: &str) -> Result<T, Error> {
    serde_qs::Config::new(5, false)
        .deserialize_str(body)
        .map_err(|error| Error::BadRequest { message: error.to_string() })
}
