//! Query plans of PostgreSQL.

use serde_json::Value;

use super::{GROWING, SHORT};

/// Makes the database report the plan of every statement, and avoid sequential scans.
pub fn url_with_plans(url: &str) -> String {
    let (_, name) = url.rsplit_once('/').unwrap();
    let settings = [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_level = 'notice'",
        "auto_explain.log_format = 'json'",
        "enable_seqscan = off",
    ];
    settings.map(|setting| format!("ALTER DATABASE {name} SET {setting};")).concat()
}

/// A statement and its plan.
pub struct Plan {
    pub statement: String,
    root: Value,
}

/// The plan in a notice, if it contains one.
pub fn plan(notice: &str) -> Option<Plan> {
    let (_, json) = notice.split_once("plan:")?;
    let mut report: Value = serde_json::from_str(json).ok()?;
    let statement = report["Query Text"].as_str()?.to_owned();
    Some(Plan { statement, root: report["Plan"].take() })
}

impl Plan {
    /// The steps that scan a growing table, or a growing index.
    pub fn scans(&self) -> Vec<String> {
        let (mut found, mut steps) = (Vec::new(), vec![(&self.root, false)]);
        while let Some((step, is_limited)) = steps.pop() {
            let word = |name: &str| step[name].as_str().unwrap_or_default();
            let (kind, table) = (word("Node Type"), word("Relation Name"));
            let goes_through = match kind {
                "Seq Scan" => true,
                // The first few rows in the order of an index need no scan.
                "Index Scan" | "Index Only Scan" if is_limited && step["Filter"].is_null() => false,
                "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
                    step["Index Cond"].is_null()
                }
                _ => false,
            };
            if goes_through && GROWING.contains(&table) && !SHORT.contains(&word("Index Name")) {
                found.push(format!("{kind} of {table}"));
            }
            let below = step["Plans"].as_array().into_iter().flatten().rev();
            steps.extend(below.map(|below| (below, kind == "Limit")));
        }
        found
    }
}
