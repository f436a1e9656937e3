//! Icons from one SVG sprite of our own drawings, `public/icons.svg`. Each has one meaning, on
//! every page. Not for islands: the browser half does not know the version of the sprite.

use leptos::prelude::*;

use crate::view::assets::AssetVersion;

/// Lists the icons with their ids in the sprite.
macro_rules! icons {
    ($($(#[$meaning:meta])* $name:ident $id:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IconName { $($(#[$meaning])* $name,)* }

        impl IconName {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The id in the sprite, and the class of a badge with this sign.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

icons! {
    /// The mark of the portal itself.
    Mark "mark"
    /// Delivered, healthy, succeeded.
    Ok "ok"
    Failed "failed"
    /// Something needs a look.
    Warning "warning"
    Info "info"
    /// Deliveries are paused until a probe succeeds; a job was paused.
    Paused "paused"
    /// Works, with failures.
    Degraded "degraded"
    /// Stopped at the gate: sent when the hook is on and not paused.
    Held "held"
    /// Sent at a known time.
    Waiting "waiting"
    /// Happening now.
    Running "running"
    /// Switched off by a person; the power of something.
    Off "off"
    /// Switched off by the portal.
    Blocked "blocked"
    Skipped "skipped"
    Cancelled "cancelled"
    /// No traffic.
    Quiet "quiet"
    /// A check mark: chosen, copied, done.
    Done "done"
    Search "search"
    Filter "filter"
    Copy "copy"
    Download "download"
    /// Redeliver, try now, refresh.
    Redeliver "redeliver"
    /// Send a test.
    Send "send"
    More "more"
    Close "close"
    Add "add"
    Edit "edit"
    Delete "delete"
    /// Opens something below.
    Down "down"
    /// Leads to a detail; unfolds.
    Next "next"
    /// Leaves the portal.
    External "external"
    Menu "menu"
    Theme "theme"
    Hook "hook"
    Deliveries "deliveries"
    Inbox "inbox"
    Jobs "jobs"
    Book "book"
    Activity "activity"
    User "user"
    Bell "bell"
    Key "key"
    SignOut "sign-out"
}

/// An icon beside words, or in a button with an `aria-label`: screen readers skip it.
#[component]
pub fn Icon(name: IconName) -> impl IntoView {
    let sprite = use_context::<AssetVersion>().unwrap_or_default().address("icons.svg");
    let href = format!("{sprite}#{}", name.id());
    view! { <svg class="icon" aria-hidden="true"><use href=href/></svg> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sprite_has_exactly_the_listed_icons() {
        let sprite = include_str!("../../../public/icons.svg");
        let drawn: Vec<_> = sprite
            .split("<symbol id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let listed: Vec<_> = IconName::ALL.iter().map(|name| name.id()).collect();
        assert_eq!(drawn, listed);
    }
}
