//! Hints where there are no other nodes: none.

use std::{collections::HashSet, future::pending};

use super::Hint;
use crate::{
    domain::id::HookId,
    engine::store::{db::Db, error::Error},
};

pub struct HintListener;

pub async fn listen(_: &Db) -> Result<Option<HintListener>, Error> {
    Ok(None)
}

impl HintListener {
    pub async fn receive(&mut self) -> Result<Hint, Error> {
        pending().await
    }
}

pub struct HintSender;

impl HintSender {
    pub fn new(_: &Db) -> Self {
        Self
    }

    pub async fn send(&mut self, _: &HashSet<HookId>, _: &HashSet<HookId>) -> Result<(), Error> {
        Ok(())
    }
}
