//! The hooks of the demo: names, receivers, and the condition each of them is in. The names are
//! deliberately hard: long, in several scripts, numbered. No receiver exists: `.example` is
//! reserved and never resolves.

use std::time::Duration;

use super::{
    answers::Fault::{self, *},
    rng::Rng,
};
use crate::domain::{
    event::EventType::{
        self, ConversationAbandoned as Abandoned, OutboundCallInitiated as Outbound,
        WorkItemClosed as Closed,
    },
    hook::Tuning,
};

/// What has become of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Healthy,
    /// Every seventh attempt fails, so the success rate is low.
    Shaky,
    /// Its attempts have failed for some hours.
    Degraded(Fault),
    /// The circuit breaker is open.
    Paused(Fault),
    /// Paused so long that its queue is full.
    Full(Fault),
    /// The receiver asked for no requests for some hours.
    Throttled,
    /// A person turned it off.
    Off,
    /// The portal turned it off after 410.
    Gone,
    /// The portal turned it off after five days of failures.
    GaveUp(Fault),
    /// On, without traffic for a day.
    Quiet,
    /// Created minutes ago.
    New,
    Deleted,
}
use Condition::{
    Degraded, Deleted, Full, GaveUp, Gone, Healthy, New, Off, Paused, Quiet, Shaky, Throttled,
};

/// A hook of the demo.
#[derive(Clone, Copy)]
pub struct Part {
    pub name: &'static str,
    pub event_type: EventType,
    pub host: &'static str,
    pub condition: Condition,
    /// The share of events in percent that it has deliveries of.
    pub share: i64,
    pub tuned: Tuned,
}

/// Which delivery settings differ from the server's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tuned {
    No,
    /// Three quick retries.
    Quick,
    /// Few retries, hours apart.
    Slow,
    /// Deliveries of one key are sent in order.
    Ordered,
    /// A low rate and few concurrent attempts.
    Gentle,
}

const fn part(
    name: &'static str,
    event_type: EventType,
    host: &'static str,
    condition: Condition,
    share: i64,
    tuned: Tuned,
) -> Part {
    Part { name, event_type, host, condition, share, tuned }
}

/// All hooks, in the order of their creation.
pub const CAST: &[Part] = &[
    part("CRM call-backs", Abandoned, "crm.northwind.example", Healthy, 80, Tuned::No),
    part("Data warehouse", Closed, "ingest.warehouse.example", Healthy, 85, Tuned::Ordered),
    part("Dialler audit", Outbound, "audit.northwind.example", Healthy, 60, Tuned::No),
    part("Workforce planning", Closed, "wfm.contoso.example", Shaky, 90, Tuned::No),
    part("Billing", Closed, "billing.northwind.example", Degraded(Server(503)), 30, Tuned::Slow),
    part("Wallboard Berlin", Abandoned, "wall-ber.example", Paused(Connect), 25, Tuned::No),
    part("Wallboard München", Abandoned, "wall-south.example", Healthy, 24, Tuned::No),
    part("Wallboard Zürich", Abandoned, "wall-zrh.example", Healthy, 22, Tuned::Gentle),
    part("Wallboard Kraków", Abandoned, "wall-krk.example", Quiet, 10, Tuned::No),
    part("Old wallboard", Abandoned, "wall-old.example", Deleted, 70, Tuned::No),
    part("Quality recordings", Closed, "qa.fabrikam.example", Throttled, 55, Tuned::Slow),
    part("Survey after contact", Closed, "survey.adatum.example", Healthy, 20, Tuned::No),
    part("Survey after contact (test)", Closed, "survey-test.adatum.example", Off, 45, Tuned::No),
    part("顧客管理システム連携", Closed, "crm.tokyo.example", Healthy, 15, Tuned::Ordered),
    part("未接電話の折り返し", Abandoned, "callback.tokyo.example", Healthy, 14, Tuned::No),
    part("客户回访 — 上海", Outbound, "cn.tailspin.example", Degraded(Timeout), 22, Tuned::Slow),
    part("고객 만족도 조사", Closed, "survey.seoul.example", Healthy, 12, Tuned::No),
    part("نظام إدارة علاقات العملاء", Closed, "crm.amman.example", Healthy, 12, Tuned::No),
    part("מעקב שיחות יוצאות", Outbound, "calls.haifa.example", Paused(Tls), 24, Tuned::No),
    part("ग्राहक सेवा – हिन्दी", Abandoned, "seva.delhi.example", Healthy, 10, Tuned::No),
    part("Έλεγχος ποιότητας", Closed, "qa.athens.example", Healthy, 10, Tuned::Quick),
    part("Отчёты по звонкам", Outbound, "reports.sofia.example", Healthy, 15, Tuned::No),
    part("🎧 Agent assist", Outbound, "assist.wingtip.example", Healthy, 35, Tuned::Gentle),
    part("🔥 Escalations 🚒", Abandoned, "escalate.wingtip.example", Shaky, 85, Tuned::No),
    part("Hook 1", Closed, "hooks.litware.example", Healthy, 6, Tuned::No),
    part("Hook 2", Closed, "hooks.litware.example", Off, 6, Tuned::No),
    part("Hook 9", Closed, "hooks.litware.example", Healthy, 6, Tuned::No),
    part("Hook 10", Closed, "hooks.litware.example", Healthy, 6, Tuned::No),
    part("Hook 11", Outbound, "hooks.litware.example", Quiet, 6, Tuned::No),
    part("hook 100", Outbound, "hooks.litware.example", Healthy, 6, Tuned::No),
    part("Fraud detection", Outbound, "fraud.woodgrove.example", Full(Server(502)), 50, Tuned::No),
    part("Compliance archive", Closed, "vault.woodgrove.example", Gone, 45, Tuned::No),
    part(
        "Compliance archive EU",
        Closed,
        "vault-eu.woodgrove.example",
        Healthy,
        25,
        Tuned::Ordered,
    ),
    part("Speech analytics", Closed, "speech.proseware.example", GaveUp(Dns), 20, Tuned::No),
    part("Legacy ticket system", Closed, "tickets.old.example", GaveUp(Client(401)), 65, Tuned::No),
    part("Ticket system", Closed, "tickets.proseware.example", Healthy, 30, Tuned::No),
    part("Chat transcript export", Closed, "export.fourthcoffee.example", Gone, 30, Tuned::No),
    part("Marketing opt-outs", Outbound, "optout.fourthcoffee.example", Gone, 15, Tuned::No),
    part("Loyalty points", Closed, "points.lucerne.example", Off, 60, Tuned::No),
    part("SMS confirmations", Abandoned, "sms.alpine.example", Throttled, 60, Tuned::Slow),
    part("E-mail confirmations", Abandoned, "mail.alpine.example", Healthy, 18, Tuned::No),
    part(
        "Predictive dialler feedback",
        Outbound,
        "dialler.margie.example",
        Healthy,
        40,
        Tuned::Quick,
    ),
    part("Staff rota", Abandoned, "rota.margie.example", Off, 35, Tuned::No),
    part(
        "Supervisor alerts",
        Abandoned,
        "alerts.margie.example",
        Degraded(Redirect),
        20,
        Tuned::Slow,
    ),
    part(
        "Bed & breakfast <Müller> \"Nord\" & Söhne",
        Abandoned,
        "mueller.example",
        Healthy,
        9,
        Tuned::No,
    ),
    part(
        "Insurance claims intake",
        Closed,
        "claims.humongous.example",
        Paused(Server(500)),
        30,
        Tuned::No,
    ),
    part(
        "Insurance claims intake (Poland)",
        Closed,
        "claims-pl.humongous.example",
        Healthy,
        14,
        Tuned::Ordered,
    ),
    part("Hospital call centre", Abandoned, "calls.clinic.example", Healthy, 12, Tuned::No),
    part("Repair scheduling", Closed, "repair.coho.example", Paused(Client(403)), 12, Tuned::No),
    part("Parcel tracking", Outbound, "track.coho.example", Throttled, 60, Tuned::Slow),
    part("Energy meter readings", Outbound, "meters.relecloud.example", Healthy, 12, Tuned::No),
    part("Debt collection partner", Outbound, "partner.relecloud.example", Off, 45, Tuned::No),
    part(
        "Reporting (do not change before the audit of the third quarter has been \
         signed by both sides)",
        Closed,
        "reporting.northwind.example",
        Healthy,
        9,
        Tuned::No,
    ),
    part(
        "Overflowing-name-without-any-space-that-a-browser-could-use-to-break-the-line-\
         0123456789-0123456789-",
        Outbound,
        "unbroken.northwind.example",
        Degraded(Invalid),
        14,
        Tuned::Slow,
    ),
    part(
        "Störungsmeldungen der Netzleitstelle für Großkunden und Öffentlichkeitsarbeit, Bereich \
         Süd (neu)",
        Abandoned,
        "stoerung.netz.example",
        Healthy,
        9,
        Tuned::No,
    ),
    part(
        "Receiver behind a signed URL",
        Abandoned,
        "functions.cloud.example",
        Healthy,
        8,
        Tuned::No,
    ),
    part(
        "Second receiver behind a signed URL",
        Outbound,
        "functions.cloud.example",
        Paused(Refused),
        10,
        Tuned::No,
    ),
    part("Partner sandbox", Abandoned, "sandbox.partner.example", Quiet, 4, Tuned::No),
    part("Trial of the new data platform", Closed, "trial.platform.example", New, 0, Tuned::No),
    part("Call-back pilot, Lisbon", Abandoned, "pilot.lisbon.example", New, 0, Tuned::Quick),
    part(
        "Archive of outbound calls",
        Outbound,
        "archive.northwind.example",
        Healthy,
        20,
        Tuned::No,
    ),
];

impl Part {
    /// The callback URL. Those behind a signed URL are 1,500 characters long.
    pub fn url(&self, rng: &mut Rng) -> String {
        let Self { host, event_type, .. } = self;
        let path = match event_type {
            Abandoned => "queues/abandoned",
            Outbound => "v2/dial",
            Closed => "work-items",
        };
        if !self.name.contains("signed URL") {
            return format!("https://{host}/hooks/{path}");
        }
        let mut url = format!("https://{host}/api/{path}?code=");
        while url.len() < 1500 {
            url.push_str(&rng.hex(32));
        }
        url.truncate(1500);
        url
    }

    pub fn tuning(&self) -> Tuning {
        let seconds =
            |waits: &[u64]| Some(waits.iter().copied().map(Duration::from_secs).collect());
        let order_by = |name: &str| Some(name.to_owned());
        match self.tuned {
            Tuned::No => Tuning::default(),
            Tuned::Quick => Tuning { retry_schedule: seconds(&[5, 30, 120]), ..Tuning::default() },
            Tuned::Slow => Tuning {
                retry_schedule: seconds(&[4 * 3600, 8 * 3600, 12 * 3600]),
                in_flight: Some(4),
                ..Tuning::default()
            },
            Tuned::Ordered => {
                Tuning { order_by: order_by("primaryConversationId"), ..Tuning::default() }
            }
            Tuned::Gentle => {
                Tuning { in_flight: Some(2), rate_per_second: Some(5), ..Tuning::default() }
            }
        }
    }
}
