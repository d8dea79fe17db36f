//! The `xdocker` command.

fn main() {}
