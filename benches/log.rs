//! Scenario `log`: response time of the portal's log pages over a million deliveries: the first and
//! the 200th page, without and with filters. The failed deliveries are old, with hundreds of
//! thousands of delivered ones after them: the worst case for a search.

use crate::{
    Bench, Outcome, clock, figures,
    marker::CONVERSATION_ABANDONED,
    rows::{self, Delivered, id_at},
    server::Server,
    table::{Row, Target},
};

/// Measured requests per page, and requests before them that are not measured.
const REQUESTS: usize = 60;
const WARM_UP: usize = 5;
/// Rows per page, and the number of the distant page.
const PAGE: u64 = 50;
const DISTANT_PAGE: u64 = 200;
const HOOKS: u64 = 10;
/// Milliseconds between two deliveries.
const INTERVAL_MS: u64 = 1000;
const BATCH: u64 = 100_000;
/// The target for the 95th percentile, in milliseconds.
const TARGET_MS: f64 = 50.0;

pub async fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for kind in bench.kinds() {
        let server = Server::start(&bench.recipe, kind).await?;
        let began = clock::now();
        let log = fill(&server, bench.log).await?;
        bench.progress(&format!(
            "log, {kind:?}: {} rows in {:.0} s",
            bench.log,
            clock::seconds_since(began)
        ));
        let cookie = server.sign_in().await?;
        for (index, (name, path)) in log.pages().into_iter().enumerate() {
            if rows.len() <= index {
                rows.push(Row::new(
                    format!("log of {}, {name}: ms, p95", bench.log),
                    Target::AtMost(TARGET_MS),
                ));
            }
            let p95 = measure(&server, &cookie, &path).await?;
            bench.progress(&format!("log, {kind:?}, {name}: {p95:.1} ms"));
            rows[index].set(kind, p95, None);
        }
        server.remove().await?;
    }
    Ok(rows)
}

/// The written rows, as far as the page URLs need them.
struct Log {
    hooks: Vec<String>,
    first: u64,
    count: u64,
}

impl Log {
    fn id(&self, number: u64) -> String {
        id_at(self.first + number * INTERVAL_MS, 1).to_string()
    }

    /// The measured pages: a name and the path of each.
    fn pages(&self) -> Vec<(&'static str, String)> {
        let distant = self.id(self.count.saturating_sub(DISTANT_PAGE * PAGE));
        let log = "/integration/deliveries";
        let hook_log = format!("/integration/hooks/{}/deliveries", self.hooks[0]);
        vec![
            ("first page", log.to_owned()),
            ("200th page", format!("{log}?before={distant}")),
            ("first page of one hook in ten", hook_log.clone()),
            (
                "200th page of that hook",
                format!(
                    "{hook_log}?before={}",
                    self.id(self.count.saturating_sub(DISTANT_PAGE * PAGE * HOOKS))
                ),
            ),
            ("delivered", format!("{log}?state=delivered")),
            ("failed, all old", format!("{log}?state=failed")),
            (
                "failed, a page in the middle",
                format!("{log}?state=failed&before={}", self.id(self.count / 10)),
            ),
            ("failed by timeout", format!("{log}?answer=timeout")),
            ("undelivered of one hook", format!("{hook_log}?state=undelivered")),
            ("a rare event type", format!("{log}?event_type=work_item.closed")),
            ("a text without matches", format!("{log}?text=nowhere")),
            ("undelivered, grouped by hook", "/integration/undelivered".to_owned()),
        ]
    }
}

/// Inserts the deliveries directly into the database. One percent of the oldest fifth failed.
async fn fill(server: &Server, count: u64) -> Outcome<Log> {
    let mut hooks = Vec::new();
    for _ in 0..HOOKS {
        hooks.push(server.hook(CONVERSATION_ABANDONED, "http://127.0.0.1:1999/nobody").await?);
    }
    let ids = hooks.iter().map(|id| id.parse()).collect::<Result<Vec<uuid::Uuid>, _>>()?;
    let first = clock::now() / 1000 - count * INTERVAL_MS;
    let row = |number: u64| {
        let failed = number < count / 5 && number.is_multiple_of(100);
        let (state, class, status) = match (failed, number.is_multiple_of(400)) {
            (true, true) => ("failed", "timeout", None),
            (true, false) => ("failed", "server_error", Some(503)),
            (false, _) => ("delivered", "success", Some(200)),
        };
        let hook = usize::try_from(number % HOOKS).unwrap_or(0);
        Delivered {
            id: id_at(first + number * INTERVAL_MS, 1),
            event: id_at(first + number * INTERVAL_MS, 0),
            hook: ids[hook],
            event_type: if number == 7 { "work_item.closed" } else { CONVERSATION_ABANDONED },
            state,
            class: Some(class),
            status,
            is_test: false,
            body: format!(
                "{{\"customerPhoneNumber\":\"+{number}\",\"timeInQueue\":1.5,\
                 \"timestamp\":\"2022-03-08T07:39:47Z\",\"queue\":\"Sales\"}}"
            ),
        }
    };
    let mut from = 0;
    while from < count {
        let to = (from + BATCH).min(count);
        let batch: Vec<Delivered> = (from..to).map(row).collect();
        rows::insert(server.database_url(), &batch).await?;
        from = to;
    }
    Ok(Log { hooks, first, count })
}

/// The 95th percentile of the response time in milliseconds, including the body.
async fn measure(server: &Server, cookie: &str, path: &str) -> Outcome<f64> {
    let mut took = Vec::new();
    for number in 0..WARM_UP + REQUESTS {
        let began = clock::now();
        server.page(cookie, path).await?;
        if number >= WARM_UP {
            took.push(clock::now().saturating_sub(began));
        }
    }
    took.sort_unstable();
    Ok(figures::millis(figures::percentile(&took, 0.95)))
}
