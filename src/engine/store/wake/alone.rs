//! Hints where there are no other nodes: none.

use std::{collections::HashSet, future::pending};

use super::Hint;
use crate::{
    domain::id::HookId,
    engine::store::{db::Db, error::Error},
};

pub struct Ear;

pub async fn ear(_: &Db) -> Result<Option<Ear>, Error> {
    Ok(None)
}

impl Ear {
    pub async fn hear(&mut self) -> Result<Hint, Error> {
        pending().await
    }
}

pub struct Voice;

impl Voice {
    pub fn new(_: &Db) -> Self {
        Self
    }

    pub async fn tell(&mut self, _: &HashSet<HookId>, _: &HashSet<HookId>) -> Result<(), Error> {
        Ok(())
    }
}
