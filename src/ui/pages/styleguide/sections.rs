//! One function for each section of the style guide. The sample data never changes: screenshots
//! are compared.

use leptos::prelude::*;

use crate::{
    domain::{busy::Busy, invalid::Invalid, time::Timestamp},
    ui::widgets::{
        badge::{Badge, Tone},
        chart::{Bars, Column, ColumnChart, LineChart},
        chips::{Chip, Chips},
        choice::{Checks, Choice, Select},
        copy::CopyButton,
        datetime::{DateTime, ExactDateTime},
        definition::Fact,
        empty::Empty,
        field::{ErrorSummary, TextField},
        frame::{Notice, SystemBanner},
        icon::{Icon, IconName},
        loaded::Explained,
        menu::{Menu, RowMenu},
        pages::Pages,
        panel::Panel,
        switch::{HookSwitch, SwitchField},
        table::DataTable,
        text_area::TextArea,
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

pub fn switches() -> AnyView {
    view! {
        <HookSwitch id="none".to_owned() label="A hook that is on".to_owned() on=true/>
        <HookSwitch id="none".to_owned() label="A hook that is off".to_owned() on=false/>
        <SwitchField name="on" label="In a form, on" hint="Takes effect when you save." on=true/>
        <SwitchField name="off" label="In a form, off" hint="Takes effect when you save." on=false/>
    }
    .into_any()
}

pub fn fields() -> AnyView {
    view! {
        <TextField name="plain" label="Plain" errors=Invalid::default()/>
        <TextField name="filled" label="With a hint and a value"
            hint="At most 100 characters."
                value="Ticket archive" errors=Invalid::default()/>
        <TextField name="coded" label="Code" value="https://example.org/in?from=portal" code=true
            errors=Invalid::default()/>
        <TextField name="secret" label="Password" kind="password"
            autocomplete="off" errors=Invalid::default()/>
        <TextField name="warned" label="Accepted, with a warning" value="http://example.org/in"
            code=true errors=Invalid::default()
            warnings=Invalid::one("warned", "plain-http", "Plain HTTP: anyone on the network path \
                can read the key and the events.")/>
        <TextArea name="lines" label="Many lines" hint="JSON." rows=4
            value="{\n  \"queue\": \"</textarea> is text here\"\n}".to_owned() error=None/>
    }
    .into_any()
}

pub fn wrong_fields() -> AnyView {
    let mut errors = Invalid::one("wrong_name", "required", "Enter a name.");
    errors.add("wrong_url", "scheme", "Enter a URL that starts with https://.");
    view! {
        <ErrorSummary errors=errors.clone()/>
        <TextField name="wrong_name" label="Name" errors=errors.clone()/>
        <TextField name="wrong_url" label="Callback URL" hint="Where events are sent."
            value="ftp://example.org" code=true errors=errors/>
        <TextField name="both" label="Error and warning" value="http://example.org/in#x"
            code=true
            errors=Invalid::one("both", "fragment", "Remove the # and everything after it.")
            warnings=Invalid::one("both", "plain-http", "Plain HTTP: anyone on the network path \
                can read the key and the events.")/>
        <TextArea name="wrong_lines" label="Many lines with an error" rows=4 value="{".to_owned()
            error=Some("Line 1, column 1: it ends in the middle of an object.".to_owned())/>
    }
    .into_any()
}

pub fn choices() -> AnyView {
    let sizes = || vec![("small", "Small"), ("large", "Large")];
    let moods = || vec![("calm", "Calm"), ("brisk", "Brisk")];
    let toppings = vec![("salt", "Salt".to_owned()), ("sugar", "Sugar".to_owned())];
    let extras = vec![("mint", "Mint".to_owned()), ("clove", "Clove".to_owned())];
    let fruit = || ["Apple", "Pear", "Quince"].map(str::to_owned).to_vec();
    view! {
        <Choice name="size" legend="Size" options=sizes() chosen="large".to_owned() error=None/>
        <Choice name="mood" legend="Mood with an error" options=moods() chosen=String::new()
            error=Some("Choose one.".to_owned())/>
        <Select name="fruit" label="Fruit" options=fruit() chosen="Pear".to_owned()
            hint="One of many." error=None/>
        <Select name="wrong_fruit" label="Fruit with an error" options=fruit()
            chosen="Stone".to_owned() error=Some("Choose one from the list.".to_owned())/>
        <Checks name="topping" legend="Toppings" path="toppings[]" options=toppings
            chosen=vec!["salt".to_owned()] error=None/>
        <Checks name="extra" legend="Extras with an error" path="extras[]" options=extras
            chosen=Vec::new() error=Some("Choose at least one.".to_owned())/>
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
            <RowMenu id="sample-row".to_owned() label="Actions for a row".to_owned()><a
                href="#menus">"Another link"</a></RowMenu>
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
