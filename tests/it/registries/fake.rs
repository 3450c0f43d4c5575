//! A registry that answers as a test tells it to, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What is answered.
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Blocks of a MiB without a length, until the other side has had enough or this many are sent.
    blocks: usize,
    /// How long each byte of the body is waited for.
    pause: Duration,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            blocks: 0,
            pause: Duration::ZERO,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A byte after the other.
    pub fn slowly(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// A body that never ends.
    pub fn endless() -> Self {
        Self::of_blocks(usize::MAX)
    }

    pub fn of_blocks(blocks: usize) -> Self {
        Self {
            blocks,
            ..Self::new(200, "")
        }
    }
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server; it ends with this.
pub struct Fake {
    pub host: String,
    asked: Arc<Mutex<Vec<Request>>>,
    ends: Arc<AtomicBool>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let ends = Arc::new(AtomicBool::new(false));
        let (answer, remembered, over): (Arc<Answer>, _, _) = (Arc::new(answer), asked.clone(), ends.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, remembered) = (answer.clone(), remembered.clone());
                std::thread::spawn(move || serve(stream, &*answer, &remembered));
            }
        });
        Self { host, asked, ends }
    }

    /// What was asked but for the greeting.
    pub fn asked(&self) -> Vec<Request> {
        let asked = self.asked.lock().unwrap().clone();
        asked
            .into_iter()
            .filter(|request| request.path != "/v2/")
            .collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        TcpStream::connect(&self.host).ok();
    }
}

fn serve(stream: TcpStream, answer: &Answer, remembered: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok();
        match line.trim().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let request = Request { path, headers };
    remembered.lock().unwrap().push(request.clone());
    send(stream, &answer(&request)).ok();
}

fn send(mut stream: TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {} Told\r\nConnection: close\r\n", reply.status)?;
    if reply.blocks == 0 {
        write!(head, "Content-Length: {}\r\n", reply.body.len())?;
    }
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    write!(head, "\r\n")?;
    stream.write_all(&head)?;
    match reply.pause {
        Duration::ZERO => stream.write_all(&reply.body)?,
        pause => {
            for byte in &reply.body {
                std::thread::sleep(pause);
                stream.write_all(&[*byte])?;
            }
        }
    }
    for _ in 0..reply.blocks {
        stream.write_all(&vec![b' '; 1024 * 1024])?;
    }
    Ok(())
}
