//! What rules of others do to packets for our bridge.

use std::io;

use super::Rules;
use super::message::{self, Attributes, DUMP, Family, Kind, attributes, message, nested};
use crate::spec::InterfaceName;

/// Where the kernel asks a chain about packets that it passes on (`NF_INET_FORWARD`).
const FORWARD: u32 = 2;
const DROP: u32 = 0;
/// `inet`, of which libnftables is the only one to make use.
const INET: u8 = 1;

/// A chain that the kernel asks.
struct Chain {
    family: u8,
    table: String,
    name: String,
    hook: Option<u32>,
    policy: Option<u32>,
}

impl Chain {
    fn read(answer: &[u8]) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
        let (family, table, name) = (message::family(answer), String::new(), String::new());
        let mut chain = Self { family, table, name, hook: None, policy: None };
        for (kind, value) in attributes(answer) {
            match kind {
                1 => chain.table = text(value),
                3 => chain.name = text(value),
                4 => chain.hook = nested(value).find(|(kind, _)| *kind == 1).and_then(|(_, it)| number(it)),
                5 => chain.policy = number(value),
                _ => {}
            }
        }
        chain
    }
}

fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

impl Rules {
    /// Chains of other tables, as `table chain`, that drop what is forwarded unless one of their rules lets it: by their
    /// policy, as Docker has it, or by their last rule, as firewalld has it.
    pub(in super::super) fn closed_chains(&self, bridge: &InterfaceName) -> io::Result<Vec<String>> {
        let asked = message(Kind::GetChain, Family::Any, DUMP, &Attributes::default());
        let mut found = Vec::new();
        for answer in self.0.transact(&asked)? {
            let chain = Chain::read(&answer);
            let routed = [INET, Family::Ipv4 as u8, Family::Ipv6 as u8].contains(&chain.family);
            if !routed || chain.hook != Some(FORWARD) || chain.table == bridge.as_str() {
                continue;
            }
            if chain.policy == Some(DROP) || self.ends_in_drop(&chain)? {
                found.push(format!("{} {}", chain.table, chain.name));
            }
        }
        Ok(found)
    }

    /// Whether the last rule of a chain lets nothing pass.
    fn ends_in_drop(&self, chain: &Chain) -> io::Result<bool> {
        let which = Attributes::default().text(1, &chain.table).text(2, &chain.name);
        let mut asked = message(Kind::GetRule, Family::Any, DUMP, &which);
        message::set_family(&mut asked, chain.family);
        let rules = self.0.transact(&asked)?;
        let Some(last) = rules.last() else { return Ok(false) };
        let Some((_, list)) = attributes(last).find(|(kind, _)| *kind == 4) else { return Ok(false) };
        let mut drops = false;
        for (_, expression) in nested(list) {
            let part = |wanted| nested(expression).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
            match part(1) {
                // These let every packet go on to the next expression.
                Some(b"counter\0" | b"log\0") => {}
                Some(b"reject\0") => drops = true,
                Some(b"immediate\0") => drops = part(2).is_some_and(is_drop),
                _ => return Ok(false),
            }
        }
        Ok(drops)
    }
}

/// Whether the data of an `immediate` are the verdict to drop: data, verdict, code.
fn is_drop(data: &[u8]) -> bool {
    let inner = |bytes, wanted| nested(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    inner(data, 2).and_then(|data| inner(data, 2)).and_then(|verdict| inner(verdict, 1)).and_then(number)
        == Some(DROP)
}
