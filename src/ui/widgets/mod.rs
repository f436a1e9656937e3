//! The small parts that pages are made of. They know how things look and behave, and nothing of
//! hooks or events.

pub mod badge;
pub mod chart;
pub mod chips;
pub mod choice;
pub mod copy;
pub mod datetime;
pub mod definition;
pub mod field;
pub mod frame;
pub mod live;
pub mod loaded;
pub mod menu;
pub mod pages;
pub mod switch;
pub mod table;
pub mod text_area;
