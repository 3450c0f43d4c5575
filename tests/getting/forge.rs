//! A forge's API, played: it keeps comments and records what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /path?query`.
    pub line: String,
    /// All headers, in lower case.
    pub headers: String,
    /// Its body.
    pub body: String,
}

/// A server that answers as it is told, and ends with the process.
pub struct Forge {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Forge {
    /// `answer` gives a status and a body.
    pub fn start(answer: impl Fn(&Asked) -> (u16, Vec<u8>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = serve(stream, &answer) {
                    record.lock().unwrap().push(request);
                }
            }
        });
        Self { url, asked }
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What would change something.
    pub fn writes(&self) -> Vec<Asked> {
        let asked = self.asked().into_iter();
        asked.filter(|asked| !asked.line.starts_with("GET ")).collect()
    }
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&Asked) -> (u16, Vec<u8>)) -> Option<Asked> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        headers += &header.to_lowercase();
    }
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;

    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let asked = Asked {
        line,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (status, bytes) = answer(&asked);
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&bytes).ok()?;
    Some(asked)
}
