//! Lives of ephemeral containers, one for each line on standard input: what the Python module is compared with.
//!
//! `xdocker-lives HOME` prints the milliseconds of each.

use std::error::Error;
use std::io::{self, BufRead};
use std::time::Instant;

use xdocker_core::{Boot, ContainerSpec, Engine};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::open(std::env::args().nth(1).ok_or("the home is missing")?)?;
    for line in io::stdin().lock().lines() {
        line?;
        let begin = Instant::now();
        let container =
            engine.create_ephemeral(&ContainerSpec::new(["test".parse()?]).name("rust".parse()?))?;
        let root = container.boot_bound_logged(&Boot::new())?;
        let output = container.command("true").output()?;
        drop(root);
        container.close()?;
        println!("{}", begin.elapsed().as_secs_f64() * 1e3);
        assert!(output.status.success());
    }
    Ok(())
}
