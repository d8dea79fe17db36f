//! From a filter to the program that the kernel runs before each system call (seccomp(2), classic BPF).
//!
//! Most filters are long lists that have few answers. Calls with neighbouring numbers and the same answer make
//! one range, and a balanced tree finds the range: some eight comparisons a call, and, what matters more here,
//! little for the kernel to check, translate and try out when it is loaded, which every session waits for.

use super::filter::{Condition, Filter, Response, Test, Verdict};

/// Loads the word at `k` of `struct seccomp_data`.
const LOAD: u16 = 0x20;
/// Jumps by `k`.
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ABOVE: u16 = 0x25;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` has what.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// `AUDIT_ARCH_X86_64`
const X86_64: u32 = 0xc000_003e;
/// Numbers from here on are calls of the x32 ABI.
const X32: u32 = 0x4000_0000;

/// `struct sock_filter`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u16,
    /// How many instructions to pass over when the comparison holds.
    yes: u8,
    /// And when not.
    no: u8,
    k: u32,
}

const fn instruction(code: u16, k: u32) -> Instruction {
    Instruction { code, yes: 0, no: 0, k }
}

impl Verdict {
    /// What the program returns for it.
    fn value(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Log => 0x7ffc_0000,
            Self::Trace(data) => 0x7ff0_0000 | u32::from(data),
            Self::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Self::Trap => 0x0003_0000,
            Self::KillThread => 0,
            Self::KillProcess => 0x8000_0000,
        }
    }

    fn instruction(self) -> Instruction {
        instruction(RETURN, self.value())
    }
}

/// The program of a filter, as seccomp(2) takes it. It also ends whoever calls the kernel through the gates
/// for i386 programs, whose numbers mean other calls, and has no x32 call.
pub(super) fn compile(filter: &Filter) -> Vec<u8> {
    let mut ranges: Vec<(u32, Response)> = Vec::new();
    let unknown =
        [(filter.responses.len(), filter.unknown), (X32 as usize, Verdict::Errno(libc::ENOSYS as u16))];
    let known = filter.responses.iter().cloned().enumerate();
    for (first, response) in known.chain(unknown.map(|(first, verdict)| (first, verdict.into()))) {
        if ranges.last().is_none_or(|(_, last)| *last != response) {
            ranges.push((first as u32, response));
        }
    }
    let mut program = vec![
        instruction(LOAD, ARCHITECTURE),
        Instruction { yes: 1, ..instruction(JUMP_IF_EQUAL, X86_64) },
        Verdict::KillProcess.instruction(),
        instruction(LOAD, NUMBER),
    ];
    program.extend(tree(&ranges));
    program
        .iter()
        .flat_map(|Instruction { code, yes, no, k }| {
            let [c, d] = code.to_ne_bytes();
            let [k, l, m, n] = k.to_ne_bytes();
            [c, d, *yes, *no, k, l, m, n]
        })
        .collect()
}

/// Finds the range that the loaded number is in. The first begins where the caller knows that it does.
fn tree(ranges: &[(u32, Response)]) -> Vec<Instruction> {
    if let [(_, response)] = ranges {
        return answer(response);
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (below, from) = (tree(low), tree(high));
    let first = instruction(JUMP_IF_AT_LEAST, high[0].0);
    let mut code = match u8::try_from(below.len()) {
        Ok(yes) => vec![Instruction { yes, ..first }],
        // Conditional jumps reach 255 instructions far.
        Err(_) => vec![Instruction { no: 1, ..first }, instruction(JUMP, below.len() as u32)],
    };
    code.extend(below);
    code.extend(from);
    code
}

/// Decides about one call.
fn answer(response: &Response) -> Vec<Instruction> {
    let mut code = Vec::new();
    for rule in &response.rules {
        let mut holds = vec![rule.verdict.instruction()];
        for condition in rule.conditions.iter().rev() {
            let mut test = check(condition, holds.len() as u8);
            test.append(&mut holds);
            holds = test;
        }
        code.append(&mut holds);
    }
    code.push(response.otherwise.instruction());
    code
}

/// Goes on behind its own end when the condition holds, and `fail` instructions further when not.
fn check(condition: &Condition, fail: u8) -> Vec<Instruction> {
    let low = ARGUMENTS + 8 * u32::from(condition.argument);
    let halves = |value: u64| [(low, value as u32), (low + 4, (value >> 32) as u32)];
    // Both ends are counted from behind the last instruction.
    let (yes, no) = if condition.negated { (fail, 0) } else { (0, fail) };
    match condition.test {
        Test::Masked { mask, value } => {
            let [low_half, high_half] = halves(mask);
            let [(_, low_value), (_, high_value)] = halves(value);
            let mut code = Vec::with_capacity(6);
            // From the last test to the first: how far it is to the end is known then.
            for ((at, mask), value, is_last) in [(low_half, low_value, true), (high_half, high_value, false)]
            {
                let behind = code.len() as u8;
                let compare = instruction(JUMP_IF_EQUAL, value);
                let compare = match is_last {
                    true => Instruction { yes, no, ..compare },
                    false => Instruction { yes: 0, no: no + behind, ..compare },
                };
                let load = instruction(LOAD, at);
                match mask {
                    0 if value == 0 && !is_last => {}
                    u32::MAX => drop(code.splice(..0, [load, compare])),
                    _ => drop(code.splice(..0, [load, instruction(AND, mask), compare])),
                }
            }
            code
        }
        Test::Above(value) | Test::AtLeast(value) => {
            let [(low, low_value), (high, high_value)] = halves(value);
            let last =
                if matches!(condition.test, Test::Above(_)) { JUMP_IF_ABOVE } else { JUMP_IF_AT_LEAST };
            vec![
                instruction(LOAD, high),
                Instruction { yes: yes + 3, no: 0, ..instruction(JUMP_IF_ABOVE, high_value) },
                Instruction { yes: 0, no: no + 2, ..instruction(JUMP_IF_EQUAL, high_value) },
                instruction(LOAD, low),
                Instruction { yes, no, ..instruction(last, low_value) },
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::filter::Rule;
    use super::*;

    /// What the program says about a call: the kernel's part, in small.
    pub(super) fn run(program: &[u8], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [number, architecture, 0, 0].to_vec();
        data.extend(arguments.iter().flat_map(|argument| [*argument as u32, (argument >> 32) as u32]));
        let (mut at, mut word) = (0, 0u32);
        loop {
            let [c, d, yes, no, k @ ..]: [u8; 8] = program[at * 8..][..8].try_into().unwrap();
            let k = u32::from_ne_bytes(k);
            let mut jump = |holds: bool| at += usize::from(if holds { yes } else { no });
            match u16::from_ne_bytes([c, d]) {
                LOAD => word = data[k as usize / 4],
                AND => word &= k,
                JUMP => at += k as usize,
                JUMP_IF_EQUAL => jump(word == k),
                JUMP_IF_ABOVE => jump(word > k),
                JUMP_IF_AT_LEAST => jump(word >= k),
                RETURN => return k,
                code => panic!("instruction {code}"),
            }
            at += 1;
        }
    }

    impl Condition {
        fn holds(&self, arguments: [u64; 6]) -> bool {
            let argument = arguments[usize::from(self.argument)];
            let passed = match self.test {
                Test::Masked { mask, value } => argument & mask == value,
                Test::Above(value) => argument > value,
                Test::AtLeast(value) => argument >= value,
            };
            passed != self.negated
        }
    }

    /// What the filter says about a call, by its definition.
    fn decide(filter: &Filter, number: u32, arguments: [u64; 6]) -> Verdict {
        let Some(response) = filter.responses.get(number as usize) else { return filter.unknown };
        let rule =
            response.rules.iter().find(|rule| rule.conditions.iter().all(|each| each.holds(arguments)));
        rule.map_or(response.otherwise, |rule| rule.verdict)
    }

    /// Few values, so that conditions hold now and then.
    fn value() -> impl Strategy<Value = u64> {
        (0u64..3, 0u64..3).prop_map(|(high, low)| high << 32 | low)
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            Just(Verdict::Allow),
            (1u16..3).prop_map(Verdict::Errno),
            Just(Verdict::Log),
            Just(Verdict::KillThread)
        ]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let test = prop_oneof![
            (value(), value()).prop_map(|(mask, value)| Test::Masked { mask, value }),
            value().prop_map(Test::Above),
            value().prop_map(Test::AtLeast),
        ];
        (0u8..3, test, any::<bool>()).prop_map(|(argument, test, negated)| Condition {
            argument,
            test,
            negated,
        })
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let rule = (prop::collection::vec(condition(), 0..4), verdict())
            .prop_map(|(conditions, verdict)| Rule { conditions, verdict });
        let response = (prop::collection::vec(rule, 0..3), verdict())
            .prop_map(|(rules, otherwise)| Response { rules, otherwise });
        (prop::collection::vec(response, 0..60), verdict())
            .prop_map(|(responses, unknown)| Filter { responses, unknown })
    }

    proptest! {
        #[test]
        fn the_program_says_what_the_filter_says(
            filter in filter(), calls in prop::collection::vec((0u32..64, [value(), value(), value()]), 40),
        ) {
            let program = compile(&filter);
            for (number, [a, b, c]) in calls {
                let arguments = [a, b, c, 0, 0, 0];
                prop_assert_eq!(run(&program, X86_64, number, arguments), decide(&filter, number, arguments).value());
            }
        }
    }

    #[test]
    fn other_abis_have_nothing() {
        let program = compile(&Filter { responses: Vec::new(), unknown: Verdict::Allow });
        assert_eq!(run(&program, X86_64, X32 - 1, [0; 6]), Verdict::Allow.value());
        for number in [X32, X32 + 41, u32::MAX] {
            assert_eq!(run(&program, X86_64, number, [0; 6]), Verdict::Errno(38).value());
        }
        assert_eq!(run(&program, 0x4000_0003, 1, [0; 6]), Verdict::KillProcess.value());
    }
}
