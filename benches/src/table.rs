//! The table: an operation a row, who does it a column.

use crate::operations::*;
use crate::rival::Who;
use crate::samples::Samples;

/// A row: what it is called, what of ours it shows, and what of the others is the same.
struct Row(&'static str, &'static str, &'static str);

const ROWS: [Row; 23] = [
    Row("library: create, synced", CREATE, ""),
    Row("library: create, ephemeral", CREATE_EPHEMERAL, ""),
    Row("library: boot, our PID 1", BOOT, ""),
    Row("library: boot, no sandbox", BOOT_OPEN, ""),
    Row("library: boot a program, no log", BOOT_PROGRAM, ""),
    Row("library: boot a program, its log", BOOT_LOGGED, ""),
    Row("library: boot, users of its own", BOOT_USERS, ""),
    Row("library: boot to first instruction", FIRST_INSTRUCTION, FIRST_INSTRUCTION),
    Row("library: run true inside", RUN, RUN),
    Row("library: run true, one of 20", RUN_IN_A_ROW, RUN_IN_A_ROW),
    Row("library: the same, no sandbox", RUN_OPEN, RUN_IN_A_ROW),
    Row("library: the same, users of its own", RUN_USERS, RUN_IN_A_ROW),
    Row("library: start true, detached", RUN_DETACHED, ""),
    Row("library: shut down", SHUTDOWN, ""),
    Row("library: destroy a stopped one", DESTROY, ""),
    Row("library: destroy a running one", DESTROY_RUNNING, DESTROY_RUNNING),
    Row("library: create + boot true + end", WHOLE, WHOLE),
    Row("library: the same, ephemeral", WHOLE_EPHEMERAL, WHOLE),
    Row("command: create + boot true + end", WHOLE_COMMAND, WHOLE),
    Row("command: the same, --rm", WHOLE_COMMAND_EPHEMERAL, WHOLE),
    Row("command: run true inside", RUN_COMMAND, RUN),
    Row("command: list 100 stopped, CPU", LIST, ""),
    Row("command: list 100 running, CPU", LIST_RUNNING, LIST_RUNNING),
];

/// Prints medians in milliseconds, and ours as multiples of the floor and of crun.
pub(crate) fn print(samples: &Samples) {
    const OTHERS: [Who; 4] = [Who::Floor, Who::Crun, Who::CrunBare, Who::Runc];
    print!("{:<36}{:>9}", "median, ms", Who::Xdocker);
    OTHERS.iter().for_each(|who| print!("{who:>9}"));
    println!("{:>9}{:>9}", "/ floor", "/ crun");
    for Row(title, operation, same) in ROWS {
        let ours = samples.median(operation, Who::Xdocker);
        let theirs = |who| samples.median(same, who);
        print!("{title:<36}{}", cell(ours));
        OTHERS.iter().for_each(|who| print!("{}", cell(theirs(*who))));
        for who in [Who::Floor, Who::Crun] {
            print!("{}", cell(ours.zip(theirs(who)).map(|(ours, theirs)| ours / theirs)));
        }
        println!();
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>9}", "-"), |value| format!("{value:>9.2}"))
}
