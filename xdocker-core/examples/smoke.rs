use std::time::{Duration, Instant};
use xdocker_core::*;
fn main() -> Result<()> {
    let dir = std::env::args().nth(1).unwrap();
    let e = Engine::open(&dir)?;
    if e.images().list()?.is_empty() { let t=Instant::now(); println!("{:?}", e.images().install_test(Version::none(), &TestImage::new())?.1.missing); println!("install {:?}", t.elapsed()); }
    let t=Instant::now();
    let c = e.create(&ContainerSpec::new(["test".parse()?]))?;
    println!("create {:?}", t.elapsed());
    for _ in 0..3 {
    let t=Instant::now();
    c.boot(&Boot::new())?;
    println!("boot {:?} {:?}", t.elapsed(), c.info()?.state);
    for _ in 0..5 {
    let t=Instant::now();
    let o = c.command("hostname").output()?;
    println!("run {:?} {:?}", t.elapsed(), o);
    }
    let o = c.shell("id; ls /; ls -la /dev /dev/pts; cat /proc/self/status | grep -E 'Cap|NoNew'; cat /proc/mounts; ps -ef; ls -la /proc/self/fd; hostname; echo err >&2; exit 3")?.output()?;
    println!("{:?}\n{}\n{}", o.status, String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
    println!("{:?}", c.command("nope").output().map_err(|e| e.chain()));
    let t=Instant::now();
    c.shutdown(Duration::from_secs(3))?;
    println!("shutdown {:?} {:?}", t.elapsed(), c.info()?);
    }
    let null: std::os::fd::OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
    for _ in 0..5 {
    let t=Instant::now();
    let mut r = c.boot_bound(&Boot::new().exec(Exec::new("true")), [&null,&null,&null])?;
    let t2=t.elapsed();
    println!("{:?} bound {:?} {:?}", r.wait()?, t2, t.elapsed());
    }
    let t=Instant::now();
    c.destroy(false)?;
    println!("destroy {:?}", t.elapsed());
    Ok(())
}
