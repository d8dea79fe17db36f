use std::time::{Duration, Instant};
use xdocker_core::*;
fn med(mut v: Vec<f64>) -> f64 {
    v.sort_by(|a, b| a.total_cmp(b));
    v[v.len() / 2]
}
fn main() -> Result<()> {
    let dir = std::env::args().nth(1).unwrap();
    let e = Engine::open(&dir)?;
    if e.images().list()?.is_empty() {
        e.images().install_test(Version::none(), &TestImage::new())?;
    }
    let us = |t: Instant| t.elapsed().as_secs_f64() * 1e6;
    let (mut cr, mut bo, mut ru, mut sh, mut de, mut bw, mut vf) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    let null: std::os::fd::OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
    let image: ImageRef = std::env::args().nth(2).unwrap_or("test".into()).parse()?;
    let tru = e.home().join("images").join(image.name.as_str()).join("_/rlayer/bin/true");
    for i in 0..40 {
        let t = Instant::now();
        let c = e.create(&ContainerSpec::new([image.clone()]).name("t".parse()?))?;
        cr.push(us(t));
        let t = Instant::now();
        c.boot(&Boot::new())?;
        bo.push(us(t));
        for _ in 0..10 {
            let t = Instant::now();
            c.command("/bin/true").status()?;
            ru.push(us(t));
            let t = Instant::now();
            std::process::Command::new(&tru).status().unwrap();
            vf.push(us(t));
        }
        if i == 0 {
            if let State::Running { pid } = c.info()?.state {
                let mon: u32 = std::fs::read_to_string(e.home().join("containers/t/run.json"))
                    .unwrap()
                    .rsplit_once(':')
                    .unwrap()
                    .1
                    .trim()
                    .trim_end_matches('}')
                    .parse()
                    .unwrap();
                for p in [pid, mon] {
                    println!(
                        "{}",
                        std::fs::read_to_string(format!("/proc/{p}/smaps"))
                            .unwrap()
                            .lines()
                            .filter(|l| l.contains('-') && !l.contains("Flags") || l.starts_with("Rss"))
                            .collect::<Vec<_>>()
                            .join("\n")
                    );
                    println!("--");
                }
            }
        }
        let t = Instant::now();
        c.shutdown(Duration::from_secs(3))?;
        sh.push(us(t));
        let t = Instant::now();
        let mut r = c.boot_bound(&Boot::new().exec(Exec::new("/bin/true")), [&null, &null, &null])?;
        r.wait()?;
        bw.push(us(t));
        let t = Instant::now();
        c.destroy(false)?;
        de.push(us(t));
    }
    println!(
        "create {:.0} boot {:.0} run {:.0} host {:.0} shutdown {:.0} boot-true-end {:.0} destroy {:.0}",
        med(cr),
        med(bo),
        med(ru),
        med(vf),
        med(sh),
        med(bw),
        med(de)
    );
    Ok(())
}
