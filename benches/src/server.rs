//! A small server of HTTP: a thread for each connection, and the same few bytes for each request.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use crate::Result;

/// The first argument of a process that is to serve; the second is the port.
pub(crate) const ROLE: &str = "serve";

/// Serves until it is killed; says so in a line when it has begun.
pub(crate) fn run(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    println!("serves");
    for client in listener.incoming() {
        let client = client?;
        thread::spawn(|| {
            // Whoever measures ends his connections as he likes.
            let _ = answer(client);
        });
    }
    Ok(())
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut requests = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    let mut last = false;
    while !last {
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            last |= line.eq_ignore_ascii_case("connection: close\r\n");
            if line == "\r\n" {
                break;
            }
        }
        let connection = if last { "close" } else { "keep-alive" };
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: {connection}\r\n\r\nhello\n");
        client.write_all(answer.as_bytes())?;
    }
    Ok(())
}
