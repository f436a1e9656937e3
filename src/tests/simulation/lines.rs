//! The reference store's lines of hooks with ordered deliveries.

use std::collections::BTreeSet;

use service_hooks::{
    domain::{delivery::State, time::Timestamp},
    engine::store::lines::{Head, Line, LineRange, Lines, Next, ReadRequest, Readiness},
};

use super::store::{Store, key_text, row_of};

impl Store {
    /// As `store::lines::read`.
    pub fn lines(&self, hook: usize, ask: &ReadRequest, now: Timestamp) -> Lines {
        let by_key = &self.hooks[hook].by_key;
        let readiness = |row: usize| match (self.rows[row].state, self.rows[row].due_at) {
            (State::Held, _) => Readiness::Held,
            (State::Waiting, Some(at)) if at > now => Readiness::Waits(at),
            _ => Readiness::Due,
        };
        let head = |(key, rows): (&u64, &BTreeSet<usize>)| {
            let first = *rows.first()?;
            Some(Head {
                key: key_text(*key),
                id: self.open(first).id,
                readiness: readiness(first),
                due_at: None,
            })
        };
        let mut found = Lines::default();
        if let Some(after) = &ask.heads {
            let heads = by_key
                .iter()
                .filter_map(head)
                .filter(|head| after.as_ref().is_none_or(|key| head.key > *key));
            found.heads = heads.take(ask.heads_limit).collect();
            let is_test =
                |row: &usize| self.rows[*row].is_test && self.rows[*row].state == State::Pending;
            let tests = self.hooks[hook].open.iter().copied().filter(is_test);
            found.tests = tests.map(|row| self.open(row)).collect();
        }
        for LineRange { key, after } in &ask.lines {
            let rows = key.parse().ok().and_then(|key: u64| by_key.get(&key));
            let rows = rows.into_iter().flatten().copied();
            let rows =
                rows.filter(|row| after.is_none_or(|after| *row > row_of(after))).take(ask.rows);
            let mut line =
                Line { key: key.clone(), after: *after, due: Vec::new(), next: Next::End };
            let mut is_full = false;
            for row in rows {
                line.next = match readiness(row) {
                    Readiness::Due => Next::More,
                    Readiness::Waits(at) => Next::Waits(at),
                    Readiness::Held => Next::Held,
                };
                if line.next != Next::More {
                    break;
                }
                let open = self.open(row);
                let is_retry = open.attempts > open.tries_before;
                line.due.push(open);
                is_full = is_retry
                    || line.due.iter().map(|open| open.body.len()).sum::<usize>() >= ask.bytes;
                if is_full {
                    break;
                }
            }
            if line.next == Next::More && !is_full && line.due.len() < ask.rows {
                line.next = Next::End;
            }
            found.lines.push(line);
        }
        found
    }
}
