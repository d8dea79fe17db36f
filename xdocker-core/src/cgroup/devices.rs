//! Devices that a container may open. Pure: lines for version 1, a BPF program for version 2.
//!
//! Without `CAP_MKNOD`, as by default, nothing inside can make a node, and wherever the host's nodes could be no mount
//! honours them; /dev has nodes that we made. So only who may make nodes needs this: nodes of any device can be made
//! then, as with Docker, and those below can be opened.

use super::host::Controller;
use super::limits::Write;

/// Major and minor number; none for every one.
const ALLOWED: [(u32, Option<u32>); 8] = [
    (1, Some(3)), // null
    (1, Some(5)), // zero
    (1, Some(7)), // full
    (1, Some(8)), // random
    (1, Some(9)), // urandom
    (5, Some(0)), // tty
    (5, Some(2)), // ptmx
    (136, None),  // pts
];

/// What it is for, as in “cannot *limit the devices*”.
pub(super) const PURPOSE: &str = "limit the devices";

/// Lines for the controller of version 1: everything is forbidden, then some is allowed.
pub(super) fn writes() -> Vec<Write> {
    let write = |file, value: String| Write {
        controller: Controller::Devices,
        file,
        value,
        optional: false,
        purpose: PURPOSE.into(),
    };
    let nodes = ALLOWED.iter().map(|(major, minor)| {
        let minor = minor.map_or_else(|| "*".to_owned(), |minor| minor.to_string());
        write("devices.allow", format!("c {major}:{minor} rwm"))
    });
    let making = ["c *:* m", "b *:* m"].map(|rule| write("devices.allow", rule.into()));
    std::iter::once(write("devices.deny", "a".into())).chain(making).chain(nodes).collect()
}

/// An instruction (`struct bpf_insn`): operation, registers, offset and constant.
fn instruction(code: u8, to: u8, from: u8, offset: i16, constant: u32) -> [u8; 8] {
    let ([o0, o1], [c0, c1, c2, c3]) = (offset.to_ne_bytes(), constant.to_ne_bytes());
    [code, from << 4 | to, o0, o1, c0, c1, c2, c3]
}

/// The same for version 2, as a program of the type `BPF_PROG_TYPE_CGROUP_DEVICE`: it is asked for each access and
/// answers 1 for yes.
pub(super) fn program() -> Vec<u8> {
    // Operations (bpf.h): load 32 bits, assign, and, shift, jump unless equal, end.
    const LOAD: u8 = 0x61;
    const ASSIGN: u8 = 0xb7;
    const ASSIGN_REGISTER: u8 = 0xbf;
    const AND: u8 = 0x57;
    const SHIFT_RIGHT: u8 = 0x77;
    const UNLESS: u8 = 0x55;
    const END: u8 = 0x95;
    // What register 1 points to (`struct bpf_cgroup_dev_ctx`): type and access in one, major and minor number.
    const CHARACTER: u32 = 2;
    const MAKE_NODE: u32 = 1;
    let [result, context, kind, access, major, minor] = [0, 1, 2, 3, 4, 5];
    let answer = |yes| [instruction(ASSIGN, result, 0, 0, yes), instruction(END, 0, 0, 0, 0)];
    let rules = ALLOWED.iter().flat_map(|(number, minor_number)| {
        // Each test jumps behind its rule.
        let rest = if minor_number.is_some() { 3 } else { 2 };
        let mut rule = vec![instruction(UNLESS, major, 0, rest, *number)];
        rule.extend(minor_number.map(|number| instruction(UNLESS, minor, 0, 2, number)));
        rule.extend(answer(1));
        rule
    });
    let rules: Vec<_> = rules.collect();
    let mut all = vec![
        instruction(LOAD, kind, context, 0, 0),
        instruction(ASSIGN_REGISTER, access, kind, 0, 0),
        instruction(AND, kind, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, access, 0, 0, 16),
        instruction(LOAD, major, context, 4, 0),
        instruction(LOAD, minor, context, 8, 0),
        instruction(UNLESS, access, 0, 2, MAKE_NODE),
    ];
    all.extend(answer(1));
    all.push(instruction(UNLESS, kind, 0, rules.len() as i16, CHARACTER));
    all.extend(rules);
    all.extend(answer(0));
    all.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_forbids_before_it_allows() {
        let lines: Vec<_> =
            writes().into_iter().map(|write| format!("{} {}", write.file, write.value)).collect();
        assert_eq!(lines[..3], ["devices.deny a", "devices.allow c *:* m", "devices.allow b *:* m"]);
        assert_eq!(lines.last().unwrap(), "devices.allow c 136:* rwm");
    }

    #[test]
    fn no_jump_of_the_program_leads_out_of_it() {
        let program = program();
        let instructions: Vec<_> = program.chunks_exact(8).collect();
        assert_eq!(program.len() % 8, 0);
        for (at, instruction) in instructions.iter().enumerate().filter(|(_, code)| code[0] == 0x55) {
            let offset = i16::from_ne_bytes([instruction[2], instruction[3]]);
            assert!((at + 1 + offset as usize) < instructions.len(), "{at}");
        }
        assert_eq!(instructions[instructions.len() - 1][0], 0x95);
    }
}
