//! The frame of a page: skip link, header with menus, navigation by permission, the banner with
//! problems of the whole installation, and the notice about the last action.

use leptos::{prelude::*, server_fn::ServerFn};

pub use super::navigation::Place;
use super::{
    datetime::ExactDateTime,
    icon::{Icon, IconName},
    loaded::loaded,
    menu::Menu,
    navigation::{Navigation, has_entries},
};
use crate::{
    domain::preferences::Theme,
    rpc::{
        preferences::SetTheme,
        session::{SignOut, read_frame, take_flash},
    },
    view::session::{Banner, BannerLine, FlashKind, Frame as FrameData},
};

/// A page for signed-in users.
#[component]
pub fn Frame(place: Place, children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        {loaded(read_frame(), move |data| view! { <Surroundings place data/> })}
        <main id="main" tabindex="-1">
            {loaded(take_flash(), |flash| flash.map(|flash| view! { <Notice kind=flash.kind
                text=flash.text/> }))}
            {children()}
        </main>
    }
}

/// A page for visitors who are not signed in: a single column without navigation.
#[component]
pub fn SignedOutFrame(children: Children) -> impl IntoView {
    view! { <main id="main" class="lone">{children()}</main> }
}

#[component]
fn Surroundings(place: Place, data: FrameData) -> impl IntoView {
    let FrameData { name, email, permissions, theme, undelivered, banner } = data;
    let has_navigation = has_entries(&permissions);
    view! {
        {banner.map(|banner| view! { <SystemBanner banner/> })}
        <header class="top">
            <a class="brand" href="/"><Mark/><span class="brand-name">"Service Hooks"</span></a>
            {has_navigation.then(|| view! {
                <button class="quiet to-nav" type="button" popovertarget="nav"><Icon
                    name=IconName::Menu/><span>"Menu"</span></button>
                <Search/>
            })}
            <div class="menus">
                <ThemeMenu theme/>
                <AccountMenu name email/>
            </div>
        </header>
        {has_navigation.then(|| view! { <Navigation place permissions undelivered/> })}
    }
}

/// The portal's mark, beside its name.
#[component]
pub fn Mark() -> impl IntoView {
    view! { <span class="mark"><Icon name=IconName::Mark/></span> }
}

/// Leads to the page of results; on a narrow screen a link leads to its form.
#[component]
fn Search() -> impl IntoView {
    view! {
        <form class="search" role="search" aria-label="Portal" action="/search">
            <Icon name=IconName::Search/>
            <input type="search" name="q" aria-label="Search or jump to" autocomplete="off"
                placeholder="Search or jump to" maxlength="200"/>
            <kbd aria-hidden="true">"Ctrl K"</kbd>
        </form>
        <a class="button quiet to-search" href="/search" aria-label="Search"><Icon
            name=IconName::Search/></a>
    }
}

#[component]
fn ThemeMenu(theme: Theme) -> impl IntoView {
    let choices = Theme::ALL.iter().map(move |choice| {
        let current = (*choice == theme).then_some("true");
        view! { <li><button type="submit" name="theme" value=choice.key()
        aria-current=current>{choice.word()}</button></li> }
    });
    view! {
        <Menu id="theme-menu" label="Theme" sign=view! { <Icon name=IconName::Theme/> }.into_any()>
            <form method="post" action=SetTheme::url()><ul>{choices.collect_view()}</ul></form>
        </Menu>
    }
}

#[component]
fn AccountMenu(name: String, email: String) -> impl IntoView {
    let avatar = view! { <span class="avatar" aria-hidden="true">{initials(&name)}</span> };
    view! {
        <Menu id="account-menu" label=name sign=avatar.into_any()>
            <p class="small">{email}</p>
            <ul>
                <li><a href="/account">"Account and preferences"</a></li>
                <li><a href="/shortcuts">"Keyboard shortcuts"</a></li>
                <li><form method="post" action=SignOut::url()><button
                    type="submit">"Sign out"</button></form></li>
            </ul>
        </Menu>
    }
}

/// The first letters of the first and the last word of a name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next();
    [first, words.next_back()]
        .into_iter()
        .flatten()
        .filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()))
        .flat_map(char::to_uppercase)
        .collect()
}

/// A problem of the whole installation. Shown on every page until it is over.
#[component]
pub fn SystemBanner(banner: Banner) -> impl IntoView {
    let (class, role) = if banner.is_urgent {
        ("system-banner", "alert")
    } else {
        ("system-banner warn", "status")
    };
    let lines = banner.lines.into_iter().map(|BannerLine { what, since, next }| {
        let since = since.map(|at| view! { "Since " <ExactDateTime at/> ". " });
        view! { <p><b>{what}</b> " " {since} {next}</p> }
    });
    let more = banner.more.map(|href| view! { <p><a href=href>"View status"</a></p> });
    view! { <div class=class role=role><Icon
    name=IconName::Warning/><div>{lines.collect_view()} {more}</div></div> }
}

/// The result of the last action. Shown until the next page; a failure takes the focus.
#[component]
pub fn Notice(kind: FlashKind, #[prop(into)] text: String) -> impl IntoView {
    let (class, role, sign) = match kind {
        FlashKind::Done => ("notice ok", "status", IconName::Ok),
        FlashKind::Warning => ("notice warn", "status", IconName::Warning),
        FlashKind::Failed => ("notice bad", "alert", IconName::Failed),
    };
    let autofocus = kind == FlashKind::Failed;
    view! {
        <p class=class role=role tabindex="-1" autofocus=autofocus><Icon
            name=sign/><span>{text}</span></p>
    }
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ann Kovács", "AK"),
            ("Ada", "A"),
            ("jean luc  picard", "JP"),
            ("(Élodie) ß", "ÉSS"),
            ("  ", ""),
            ("山田 太郎", "山太"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
