//! Why a callback URL is invalid: codes for programs and sentences for people.

use super::PrivateName;

/// Why a callback URL is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlProblem {
    Required,
    TooLong,
    ControlOrSpace,
    Backslash,
    SchemeOrForm,
    HttpsOnly,
    UserInfo,
    PercentInHost,
    Parse,
    Fragment,
    Port,
    BadName,
    SpecialName,
    SingleLabel,
    IpRange,
    IpNonCanonical,
}

impl UrlProblem {
    /// A stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::TooLong => "too-long",
            Self::ControlOrSpace => "ctl-or-space",
            Self::Backslash => "backslash",
            Self::SchemeOrForm => "scheme-or-form",
            Self::HttpsOnly => "https-only",
            Self::UserInfo => "userinfo",
            Self::PercentInHost => "pct-in-host",
            Self::Parse => "parse",
            Self::Fragment => "fragment",
            Self::Port => "port",
            Self::BadName => "bad-name",
            Self::SpecialName => "special-name",
            Self::SingleLabel => "single-label",
            Self::IpRange => "ip-range",
            Self::IpNonCanonical => "ip-noncanonical",
        }
    }

    /// How to correct it.
    pub fn message(self) -> &'static str {
        match self {
            Self::Required => "Enter the URL that receives the events.",
            Self::TooLong => "Enter a URL of at most 2,048 bytes.",
            Self::ControlOrSpace => {
                "Remove spaces, tabs, line breaks and control characters from the URL."
            }
            Self::Backslash => "Use forward slashes: a URL can't contain a backslash.",
            Self::SchemeOrForm => {
                "Enter a complete URL that starts with https://, such as https://example.com/hook."
            }
            Self::HttpsOnly => {
                "Enter a URL that starts with https://. This server doesn't allow plain HTTP."
            }
            Self::UserInfo => {
                "Remove the user name and password: the URL can't contain @ before the path."
            }
            Self::PercentInHost => "Remove the percent signs from the host name.",
            Self::Parse => "Enter a valid URL: its host or port is invalid.",
            Self::Fragment => "Remove the # and everything after it: a fragment is never sent.",
            Self::Port => {
                "Use port 80, 443, or a port from 1024 that isn't reserved for another protocol."
            }
            Self::BadName => {
                "Enter a valid host name: parts of 1 to 63 letters, digits and inner hyphens, \
                 separated by dots."
            }
            Self::SpecialName => {
                "Enter a public host name. This one works only in a private network, which this \
                 server doesn't allow."
            }
            Self::SingleLabel => {
                "Enter a full host name with a dot. Short names work only in a private network, \
                 which this server doesn't allow."
            }
            Self::IpRange => {
                "Enter a public address. Private, loopback, link-local and metadata addresses are \
                 blocked unless an operator allows their range."
            }
            Self::IpNonCanonical => "Enter the address in its usual form, such as 8.8.8.8.",
        }
    }
}

impl PrivateName {
    /// The problem to report if the name does not resolve to an allowed range.
    pub fn problem(self) -> UrlProblem {
        match self {
            Self::Special => UrlProblem::SpecialName,
            Self::SingleLabel => UrlProblem::SingleLabel,
        }
    }
}
