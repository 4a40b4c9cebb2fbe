//! As much HTTP as a receiver needs that does not behave: a server that does can neither lose an answer nor reset a
//! connection.
//!
//! In:   a connection of the daemon's client, which sends its lengths and waits for each answer.
//! Out:  requests, one after the other; answers without a body.
//! Not:  no chunks, no pipelining, and no mercy for what is malformed: the connection ends.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No request of the daemon's is larger.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// A request, as far as it matters here.
pub struct Request {
    pub path: String,
    /// Their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Reads the next request of a connection; `None` at its end, also in the middle of one.
pub async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let mut lines = head.lines();
            let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let (begin, end) = (end + 4, end + 4 + length);
            if end <= read.len() {
                let body = read[begin..end].to_vec();
                read.drain(..end);
                return Ok(Some(Request { path, headers, body }));
            }
        }
        if REQUEST_MAX_BYTES < read.len() || stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// Answers with a status and nothing else.
pub async fn answer(stream: &mut TcpStream, status: u16) -> io::Result<()> {
    // A second is the least that can be asked.
    let wait = if status == 429 { "retry-after: 1\r\n" } else { "" };
    let length = if status == 204 { "" } else { "content-length: 0\r\n" };
    stream.write_all(format!("HTTP/1.1 {status} -\r\n{wait}{length}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// Waits for `time`, or until the other side is gone. It sends nothing before it has its answer.
pub async fn still_there(stream: &mut TcpStream, time: Duration) -> bool {
    tokio::time::timeout(time, stream.read_u8()).await.is_err()
}
