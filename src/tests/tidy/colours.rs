//! The contrast of the colours in `style/tokens.css`, in both themes, by the formula of WCAG:
//! text at least 4.5:1, the edges of controls and the marks of charts at least 3:1.

use std::{collections::HashMap, fs};

use super::root;

/// Text colours, each with the grounds it stands on.
const TEXT: &[(&str, &[&str])] = &[
    ("fg", &["canvas", "subtle", "sunken", "raised", "accent-soft"]),
    ("muted", &["canvas", "subtle", "sunken", "raised"]),
    ("faint", &["canvas", "subtle", "sunken", "raised"]),
    ("accent", &["canvas", "subtle", "sunken", "raised", "accent-soft"]),
    ("accent-hover", &["canvas", "subtle", "raised"]),
    ("on-accent", &["accent", "accent-hover"]),
    ("on-primary", &["primary", "primary-hover"]),
    ("on-mark", &["mark"]),
    ("ok", &["canvas", "subtle", "raised", "ok-soft"]),
    ("warn", &["canvas", "subtle", "raised", "warn-soft"]),
    ("bad", &["canvas", "subtle", "raised", "bad-soft"]),
    ("on-bad", &["bad"]),
    ("switch-on-knob", &["switch-on-track"]),
    ("switch-off-knob", &["switch-off-track"]),
];

/// Visible content that is not text.
const EDGES: &[(&str, &[&str])] = &[
    ("edge", &["canvas", "subtle", "raised"]),
    ("line-strong", &["canvas", "subtle", "sunken", "raised"]),
    ("switch-off-edge", &["canvas", "subtle", "raised"]),
    ("switch-on-track", &["canvas", "subtle", "raised"]),
    ("chart-ok", &["canvas", "subtle", "raised"]),
    ("chart-bad", &["canvas", "subtle", "raised"]),
];

type Colour = [f64; 3];

#[test]
fn text_and_edges_have_enough_contrast_in_both_themes() {
    let tokens = fs::read_to_string(root().join("style/tokens.css")).unwrap();
    // Media queries override single tokens.
    let themes = tokens.split("@media").next().unwrap();
    let colours: HashMap<_, _> =
        themes.lines().flat_map(|line| line.split(';')).filter_map(declaration).collect();
    let mut faults = Vec::new();
    for (pairs, least) in [(TEXT, 4.5), (EDGES, 3.0)] {
        for (colour, grounds) in pairs {
            for ground in *grounds {
                for (theme, name) in ["light", "dark"].into_iter().enumerate() {
                    let found = ratio(colours[*colour][theme], colours[*ground][theme]);
                    if found < least {
                        faults.push(format!("{name}: {colour} on {ground}: {found:.2}"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A declaration's name, and its colours in the light and the dark theme.
fn declaration(text: &str) -> Option<(&str, [Colour; 2])> {
    let (name, value) = text.trim().strip_prefix("--")?.split_once(": ")?;
    match value.strip_prefix("light-dark(") {
        Some(pair) => {
            let (light, dark) = pair.strip_suffix(')')?.split_once(", ")?;
            Some((name, [colour(light)?, colour(dark)?]))
        }
        None => colour(value).map(|colour| (name, [colour; 2])),
    }
}

fn colour(text: &str) -> Option<Colour> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6)?;
    let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok().map(f64::from);
    Some([part(0)?, part(2)?, part(4)?])
}

fn ratio(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Colour) -> f64 {
    let linear = colour.map(|part| {
        let part = part / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}
