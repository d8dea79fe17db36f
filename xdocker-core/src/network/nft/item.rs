//! An element of a set, as it travels.

use super::expression::VALUE;
use super::message::Attributes;

/// Attributes of a set's elements: the table, the set, the list.
pub(super) const TABLE: u16 = 1;
pub(super) const SET: u16 = 2;
pub(super) const ELEMENTS: u16 = 3;
/// Attributes of an element.
pub(super) mod value {
    pub(in super::super) const KEY: u16 = 1;
    pub(in super::super) const DATA: u16 = 2;
    pub(in super::super) const FLAGS: u16 = 3;
}

/// The attributes of an element with that key.
pub(super) fn element(key: &[u8], data: Option<&Vec<u8>>) -> Attributes {
    let value = |bytes: &[u8]| Attributes::default().bytes(VALUE, bytes);
    let element = Attributes::default().nest(value::KEY, value(key));
    match data {
        Some(data) => element.nest(value::DATA, value(data)),
        None => element,
    }
}
