//! Saving and removing a view of the list of deliveries. Both lead back to the list.

use super::flash;
use crate::{
    domain::log::LogQuery,
    portal::{
        ops,
        request::{redirect, request},
    },
    view::{Error, session::FlashKind, words::deliveries as words},
};

const LIST: &str = "/integration/deliveries";

pub async fn save(name: &str, query: &str) -> Result<(), Error> {
    let request = request()?;
    let back = match ops::views::save(&request.ctx, name, query).await {
        Ok(view) => {
            flash(&request, FlashKind::Done, words::view_saved(&view.name)).await;
            view.query
        }
        Err(ops::Error::Invalid(invalid)) => {
            let message = invalid.0.into_iter().next().map(|error| error.message);
            flash(&request, FlashKind::Warning, message.unwrap_or_default()).await;
            LogQuery::parse(query).at("", "").address("").trim_start_matches('?').to_owned()
        }
        Err(error) => return request.respond(Err(error)),
    };
    redirect(&if back.is_empty() { LIST.to_owned() } else { format!("{LIST}?{back}") });
    Ok(())
}

pub async fn remove(id: &str) -> Result<(), Error> {
    let request = request()?;
    // A view that is already gone needs no message of its own.
    if let Ok(id) = id.parse() {
        request.respond(ops::views::remove(&request.ctx, id).await)?;
    }
    flash(&request, FlashKind::Done, words::VIEW_REMOVED).await;
    redirect(&request.came_from(LIST));
    Ok(())
}
