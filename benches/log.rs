//! The portal's log over a million deliveries: how long its pages take, the first and the 200th,
//! plain and filtered. What failed lies a long way back, below hundreds of thousands that arrived:
//! the worst there is for whoever looks for it.

use crate::{
    Bench, Outcome, clock, figures,
    marker::CONVERSATION_ABANDONED,
    rows::{self, Delivered, id_at},
    server::Server,
    table::{Bar, Row},
};

/// Each page is asked for so often, after a few that are not measured.
const TIMES: usize = 60;
const WARM: usize = 5;
/// Rows on a page, and which one is the far one.
const PAGE: u64 = 50;
const FAR: u64 = 200;
const HOOKS: u64 = 10;
/// The log begins so many milliseconds ago at each delivery's place; one a second.
const APART: u64 = 1000;
const BATCH: u64 = 100_000;
const BAR: f64 = 50.0;

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
        for (at, (words, path)) in log.pages().into_iter().enumerate() {
            if rows.len() <= at {
                rows.push(Row::new(
                    format!("log of {}, {words}: ms, p95", bench.log),
                    Bar::AtMost(BAR),
                ));
            }
            let p95 = measure(&server, &cookie, &path).await?;
            bench.progress(&format!("log, {kind:?}, {words}: {p95:.1} ms"));
            rows[at].set(kind, p95, None);
        }
        server.remove().await?;
    }
    Ok(rows)
}

/// What was written, as far as the addresses need it.
struct Log {
    hooks: Vec<String>,
    first: u64,
    count: u64,
}

impl Log {
    fn id(&self, number: u64) -> String {
        id_at(self.first + number * APART, 1).to_string()
    }

    /// The pages that are asked for, with words for each.
    fn pages(&self) -> Vec<(&'static str, String)> {
        let far = self.id(self.count.saturating_sub(FAR * PAGE));
        let log = "/integration/deliveries";
        let rare = format!("/integration/hooks/{}/deliveries", self.hooks[0]);
        vec![
            ("first page", log.to_owned()),
            ("200th page", format!("{log}?before={far}")),
            ("first page of one hook in ten", rare.clone()),
            (
                "200th page of that hook",
                format!("{rare}?before={}", self.id(self.count.saturating_sub(FAR * PAGE * HOOKS))),
            ),
            ("delivered", format!("{log}?state=delivered")),
            ("failed, all of it long ago", format!("{log}?state=failed")),
            (
                "failed, a page in the middle",
                format!("{log}?state=failed&before={}", self.id(self.count / 10)),
            ),
            ("failed by time-out", format!("{log}?answer=timeout")),
            ("undelivered of one hook", format!("{rare}?state=undelivered")),
            ("of a type that hardly occurs", format!("{log}?event_type=work_item.closed")),
            ("text that nobody wrote", format!("{log}?text=nowhere")),
            ("undelivered, gathered", "/integration/undelivered".to_owned()),
        ]
    }
}

async fn fill(server: &Server, count: u64) -> Outcome<Log> {
    let mut hooks = Vec::new();
    for _ in 0..HOOKS {
        hooks.push(server.hook(CONVERSATION_ABANDONED, "http://127.0.0.1:1999/nobody").await?);
    }
    let ids = hooks.iter().map(|id| id.parse()).collect::<Result<Vec<uuid::Uuid>, _>>()?;
    let first = clock::now() / 1000 - count * APART;
    let row = |number: u64| {
        let failed = number < count / 5 && number.is_multiple_of(100);
        let (state, class, status) = match (failed, number.is_multiple_of(400)) {
            (true, true) => ("failed", "timeout", None),
            (true, false) => ("failed", "server_error", Some(503)),
            (false, _) => ("delivered", "success", Some(200)),
        };
        let hook = usize::try_from(number % HOOKS).unwrap_or(0);
        Delivered {
            id: id_at(first + number * APART, 1),
            event: id_at(first + number * APART, 0),
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

/// The 95th percentile in milliseconds, as a browser on this machine sees it.
async fn measure(server: &Server, cookie: &str, path: &str) -> Outcome<f64> {
    let mut took = Vec::new();
    for time in 0..WARM + TIMES {
        let began = clock::now();
        server.page(cookie, path).await?;
        if time >= WARM {
            took.push(clock::now().saturating_sub(began));
        }
    }
    took.sort_unstable();
    Ok(figures::millis(figures::percentile(&took, 0.95)))
}
