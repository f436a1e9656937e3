//! The building blocks of pages. They know appearance and behaviour, but nothing about hooks or
//! events.

pub mod badge;
pub mod chart;
pub mod chips;
pub mod choice;
pub mod copy;
pub mod datetime;
pub mod definition;
pub mod empty;
pub mod field;
pub mod form_token;
pub mod frame;
pub mod icon;
pub mod live;
pub mod loaded;
pub mod menu;
pub mod navigation;
pub mod pages;
pub mod panel;
pub mod switch;
pub mod table;
pub mod text_area;
pub mod tile;
