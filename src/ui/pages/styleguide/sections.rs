//! One function for each section of the style guide but the fields of forms. The sample data never
//! changes: screenshots are compared.

use leptos::prelude::*;

use crate::{
    domain::{busy::Busy, time::Timestamp},
    ui::widgets::{
        badge::{Badge, Tone},
        chart::{Bars, Column, ColumnChart, LineChart},
        chips::{Chip, Chips},
        copy::CopyButton,
        datetime::{DateTime, ExactDateTime},
        definition::Fact,
        empty::Empty,
        frame::{Notice, SystemBanner},
        icon::{Icon, IconName},
        loaded::Explained,
        menu::Menu,
        pages::Pages,
        panel::Panel,
        table::DataTable,
        tile::{Tile, Tiles},
    },
    view::{
        Error,
        session::{Banner, BannerLine, FlashKind},
    },
};

/// 2026-11-22 14:03:11 UTC.
const NOW: Timestamp = Timestamp(1_795_356_191_000);
const MINUTE: i64 = 60_000;

pub fn text() -> AnyView {
    view! {
        <p>"A paragraph with a " <a href="#text">"link"</a> ", " <b>"bold \
            text"</b> ", " <code>"code"</code> " and " <span
                class="faint">"faint text"</span> "."</p>
        <p class="lead">"A lead explains a page in one sentence."</p>
        <p class="hint">"A hint explains what to enter."</p>
        <h3>"A third-level heading"</h3>
    }
    .into_any()
}

pub fn buttons() -> AnyView {
    view! {
        <div class="buttons">
            <button class="primary" type="submit">"Create hook"</button>
            <button type="submit">"Send test"</button>
            <button class="danger" type="submit">"Delete hook"</button>
            <button class="quiet" type="submit">"Keep hook"</button>
            <a class="button" href="#buttons">"A link as a button"</a>
        </div>
    }
    .into_any()
}

pub fn badges() -> AnyView {
    let badges = [
        (Tone::Good, IconName::Ok, "Delivered"),
        (Tone::Warning, IconName::Degraded, "Degraded"),
        (Tone::Warning, IconName::Paused, "Paused"),
        (Tone::Warning, IconName::Held, "Held"),
        (Tone::Warning, IconName::Waiting, "Waiting"),
        (Tone::Warning, IconName::Running, "Running"),
        (Tone::Warning, IconName::Warning, "Warning"),
        (Tone::Bad, IconName::Failed, "Failed"),
        (Tone::Bad, IconName::Blocked, "Turned off by the portal"),
        (Tone::Neutral, IconName::Off, "Off"),
        (Tone::Neutral, IconName::Skipped, "Skipped"),
        (Tone::Neutral, IconName::Cancelled, "Cancelled"),
        (Tone::Neutral, IconName::Quiet, "No traffic"),
    ];
    view! {
        <p class="buttons">
            {badges.map(|(tone, sign, text)| view! { <Badge tone sign text/> }).collect_view()}
        </p>
    }
    .into_any()
}

pub fn icons() -> AnyView {
    let icons = IconName::ALL
        .iter()
        .map(|name| view! { <li><Icon name=*name/> <code>{name.id()}</code></li> });
    view! { <ul class="icons">{icons.collect_view()}</ul> }.into_any()
}

pub fn tiles() -> AnyView {
    let href = "#figures".to_owned();
    view! {
        <Tiles label="Sample figures">
            <Tile id="tile-plain" label="Delivered, 24 h" figure="12,480" note="+6 %"/>
            <Tile id="tile-good" label="Success rate" figure="98.7 %" tone=Tone::Good/>
            <Tile id="tile-warn" label="Held" figure="604" note="oldest 2 h" tone=Tone::Warning
                href=href.clone()/>
            <Tile id="tile-bad" label="Hooks failing" figure="3" note="of 61" tone=Tone::Bad href/>
        </Tiles>
    }
    .into_any()
}

pub fn panels() -> AnyView {
    let panels = [
        (Tone::Good, IconName::Ok, "Healthy.", "98 of 99 attempts succeeded.", "View deliveries"),
        (
            Tone::Warning,
            IconName::Paused,
            "Paused.",
            "67 events are held. Next attempt in 40 s.",
            "Try now",
        ),
        (
            Tone::Bad,
            IconName::Blocked,
            "Turned off.",
            "The receiver responded with 410 Gone.",
            "Edit URL",
        ),
        (Tone::Neutral, IconName::Off, "Off.", "New events are skipped.", "Turn on"),
    ];
    let panels = panels.map(|(tone, sign, state, words, next)| {
        let action = view! { <button type="submit">{next}</button> }.into_any();
        view! { <Panel tone sign action><p><b>{state}</b> " " {words}</p></Panel> }
    });
    view! {
        {panels.collect_view()}
        <Empty icon=IconName::Inbox text="Everything has been delivered."/>
        <Empty icon=IconName::Hook text="No hooks yet."><a class="button primary"
            href="#panels-and-empty-lists">"Create hook"</a></Empty>
    }
    .into_any()
}

fn banner(is_urgent: bool, whats: &[&str], has_more: bool) -> Banner {
    let line = |what: &&str| BannerLine {
        what: (*what).to_owned(),
        since: has_more.then_some(NOW),
        next: "Free disk space. The server resumes automatically.".to_owned(),
    };
    Banner {
        lines: whats.iter().map(line).collect(),
        is_urgent,
        more: has_more.then(|| "/status".to_owned()),
    }
}

pub fn messages() -> AnyView {
    view! {
        <Notice kind=FlashKind::Done text="\"Ticket archive\" saved."/>
        <Notice kind=FlashKind::Warning
            text="\"Ticket archive\" saved. Warning: we can't resolve its host."/>
        <Notice kind=FlashKind::Failed text="Nothing was sent: connection refused."/>
        <SystemBanner banner=banner(true, &["Can't write to the database: its disk is full.",
            "Data past its retention is not being deleted."], true)/>
        <SystemBanner banner=banner(false, &["The disk is nearly full: 1.2 GiB of 100 GiB free (1 \
            %)."], true)/>
        <SystemBanner banner=banner(true, &["Deliveries are delayed."], false)/>
        <p class="empty">"No deliveries yet. Send a test to check the receiver."</p>
    }
    .into_any()
}

pub fn menus() -> AnyView {
    view! {
        <div class="buttons">
            <Menu id="sample-menu" label="A menu"><ul><li><a
                href="#menus">"A link"</a></li><li><button
                    type="submit">"A button"</button></li></ul></Menu>
            <a class="dots" href="#menus" aria-label="Actions for a row"></a>
        </div>
    }
    .into_any()
}

pub fn times() -> AnyView {
    let before = |minutes: i64| Timestamp(NOW.0 - minutes * MINUTE);
    let moments = [-2, 0, 3, 300, 9_000, 90_000]
        .map(|minutes| view! { <li><DateTime at=before(minutes) now=NOW/></li> });
    view! {
        <ul>{moments.collect_view()}</ul>
        <p><ExactDateTime at=NOW/></p>
    }
    .into_any()
}

pub fn facts() -> AnyView {
    view! {
        <div class="card facts">
            <dl>
                <Fact term="Event ID"><code>"01a1f2b0-0000-7000-8000-000000000000"</code></Fact>
                <Fact term="Attempts">"3 of 9"</Fact>
            </dl>
        </div>
    }
    .into_any()
}

pub fn tables() -> AnyView {
    view! {
        <DataTable label="Sample deliveries" columns=&["Event", "Status", "Response"]>
            <tr>
                <th scope="row"><a href="#tables">"A row's name"</a></th>
                <td data-label="Status"><Badge tone=Tone::Good text="Delivered"/></td>
                <td data-label="Response">"200"</td>
            </tr>
            <tr>
                <th scope="row"><a href="#charts">"A longer name of another row that wraps in a \
                    narrow window"</a></th>
                <td data-label="Status"><Badge tone=Tone::Bad text="Failed"/></td>
                <td data-label="Response">"503"</td>
            </tr>
        </DataTable>
    }
    .into_any()
}

pub fn lists() -> AnyView {
    let chip =
        |name, value: &str| Chip { name, value: value.to_owned(), without: "#lists".to_owned() };
    let address = || Some("#lists".to_owned());
    view! {
        <Chips chips=vec![chip("Status", "Failed"), chip("Hook", "CRM callbacks")]
            all="#lists".to_owned()/>
        <Pages newest=address() newer=address() older=address()/>
    }
    .into_any()
}

pub fn charts() -> AnyView {
    let columns: Vec<Column> =
        (0..24).map(|hour| Column { good: hour * 7 % 40, bad: hour * hour % 9 }).collect();
    let quiet = vec![Column { good: 0, bad: 0 }; 24];
    let marks =
        || vec!["14:00".to_owned(), "20:00".to_owned(), "02:00".to_owned(), "08:00".to_owned()];
    let (low, high) = (
        (0..24).map(|hour| Some(20 + hour % 5)).collect(),
        (0..24).map(|hour| (hour != 9).then_some(90 + hour * 3)).collect(),
    );
    view! {
        <p><Bars columns=columns.clone() label="Sample: delivered and failed by the \
            hour".to_owned()/></p>
        <p><Bars columns=quiet label="Sample: no attempts".to_owned()/></p>
        <ColumnChart columns=columns marks=marks() label="Sample: delivered and failed by the \
            hour, large".to_owned()/>
        <LineChart lower=low upper=high unit="ms" marks=marks() label="Sample: median and p95 \
            response times".to_owned()/>
    }
    .into_any()
}

pub fn code() -> AnyView {
    let sample =
        "{\n  \"id\": \"ff34b1fb68cd4f7f9921e70c08fab7a7\",\n  \"mediaType\": \"Webchat\"\n}";
    view! {
        <pre id="code-sample" tabindex="0" role="region"
            aria-label="A sample of code">{sample}</pre>
        <CopyButton from="code-sample".to_owned() label="Copy the sample".to_owned()/>
    }
    .into_any()
}

pub fn errors() -> AnyView {
    let forbidden =
        Error::Forbidden { permission: "hooks:read".to_owned(), words: "see hooks".to_owned() };
    let all = [
        forbidden,
        Error::NotFound { what: "hook".to_owned() },
        Error::Stale { now: 2 },
        Error::Busy { reason: Busy::Passwords, seconds: 2 },
        Error::Internal { reference: "00c0ffee".to_owned() },
    ];
    all.map(|error| {
        view! { <div
        class="card"><h3>{error.title().to_owned()}</h3><Explained error/></div> }
    })
    .collect_view()
    .into_any()
}
