//! `anymq tail`

use anymq_api::{Message, Messages, MessagesQuery, Payload, Problem, codes, paths};

use crate::nouns::VhostArg;
use crate::output::printable;
use crate::{Cx, Result, when};

/// Messages asked for at once.
const PAGE: usize = 500;
/// Most of the last messages of each partition that can be asked for.
const LAST_MAX: usize = 10_000;
/// Bytes of a body that are shown to people, and given to programs.
const BODY_SHOWN: usize = 4 << 10;
const BODY_GIVEN: usize = 1 << 20;
/// How long the broker waits for a message before it says that there is none, in milliseconds.
const WAIT_MS: u64 = 8_000;

/// Options of `tail`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A topic, queue or stream.
    name: String,
    #[command(flatten)]
    vhost: VhostArg,
    /// Where to begin: earliest, latest, an offset, -N for the last N of each partition, a time as 2026-11-22T10:30:00Z, or how
    /// long ago, as 15m. Without it: the last COUNT messages.
    #[arg(long, allow_hyphen_values = true)]
    from: Option<String>,
    /// Only this partition.
    #[arg(long)]
    partition: Option<u32>,
    /// At most so many messages; without --from, so many of the last. Without both: 10.
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<usize>,
    /// Go on with what comes, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// Show headers and properties too.
    #[arg(long)]
    headers: bool,
    /// A JSON object for each message, one a line.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let mut tail = Tail {
            path: paths::path(&["messages", &self.vhost.vhost, &self.name]),
            json: self.json || cx.out.is_json(),
            args: &self,
            next: String::new(),
        };
        let left = match &self.from {
            Some(from) => {
                tail.next = place(from)?;
                tail.pages(self.count.unwrap_or(usize::MAX), cx)?
            }
            None => tail.last(self.count.unwrap_or(10), cx)?.then_some(usize::MAX),
        };
        match left {
            Some(left) if self.follow => tail.follow(left, cx),
            _ => Ok(()),
        }
    }
}

struct Tail<'a> {
    args: &'a Args,
    path: String,
    json: bool,
    /// Where to go on.
    next: String,
}

impl Tail<'_> {
    /// What is there from the place on; how many may still come, or nothing if enough was seen.
    fn pages(&mut self, count: usize, cx: &mut Cx<'_>) -> Result<Option<usize>> {
        let (mut left, mut there) = (count, None);
        while left > 0 {
            let page = self.page(left, 0, cx)?;
            // Of what comes meanwhile nothing is shown: the end would never be reached.
            let more = there.get_or_insert(page.left + page.items.len() as u64);
            *more = more.saturating_sub(page.items.len() as u64);
            let end = page.items.is_empty() || *more == 0;
            left -= page.items.len();
            if !self.print(&page.items, cx)? {
                return Ok(None);
            }
            if end {
                break;
            }
        }
        Ok((left > 0).then_some(left))
    }

    /// The last messages of all partitions, by time; whether anybody still reads.
    fn last(&mut self, count: usize, cx: &mut Cx<'_>) -> Result<bool> {
        if count > LAST_MAX {
            let what = format!("the last {count} messages are too many at once, at most {LAST_MAX}");
            return Err(Problem::new(&codes::ARGUMENT_INVALID, what).fix("name a place: --from -20000"));
        }
        self.next = format!("-{count}");
        let mut found: Vec<Message> = Vec::new();
        loop {
            let page = self.page(PAGE, 0, cx)?;
            let end = page.items.is_empty() || page.left == 0;
            found.extend(page.items);
            found.sort_by_key(|message| message.published_at);
            let beyond = found.len().saturating_sub(count);
            found.drain(..beyond);
            if end {
                return self.print(&found, cx);
            }
        }
    }

    fn follow(&mut self, mut left: usize, cx: &mut Cx<'_>) -> Result<()> {
        while left > 0 {
            let page = self.page(left, WAIT_MS, cx)?;
            left -= page.items.len();
            if !self.print(&page.items, cx)? {
                break;
            }
        }
        Ok(())
    }

    fn page(&mut self, left: usize, wait_ms: u64, cx: &Cx<'_>) -> Result<Messages> {
        let query = MessagesQuery {
            partition: self.args.partition,
            from: Some(self.next.clone()),
            count: Some(left.min(PAGE)),
            wait_ms: Some(wait_ms).filter(|&ms| ms > 0),
            body_max: Some(if self.json { BODY_GIVEN } else { BODY_SHOWN }),
        };
        let pairs = [
            ("partition", query.partition.map(|n| n.to_string())),
            ("from", query.from),
            ("count", query.count.map(|n| n.to_string())),
            ("wait_ms", query.wait_ms.map(|n| n.to_string())),
            ("body_max", query.body_max.map(|n| n.to_string())),
        ];
        let page: Messages = cx.client.get(&paths::query(&self.path, &pairs))?;
        if page.items.len() > left.min(PAGE) {
            return Err(Problem::new(
                &codes::ANSWER_STRANGE,
                "the answer holds more messages than were asked for",
            ));
        }
        self.next.clone_from(&page.next);
        Ok(page)
    }

    /// Whether anybody still reads.
    fn print(&self, messages: &[Message], cx: &mut Cx<'_>) -> Result<bool> {
        for message in messages {
            let line = if self.json {
                serde_json::to_string(message)
                    .map_err(|e| Problem::new(&codes::INTERNAL, format!("cannot print the message: {e}")))?
            } else {
                self.line(message)
            };
            if !cx.out.stream(&format!("{line}\n"))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `TIME PARTITION:OFFSET key=KEY BODY`
    fn line(&self, message: &Message) -> String {
        let mut line =
            format!("{} {}:{}", when::show(message.published_at), message.partition, message.offset);
        if !message.exchange.is_empty() {
            line.push_str(&format!(" exchange={}", printable(&message.exchange)));
        }
        if let Some(key) = &message.key {
            line.push_str(&format!(" key={}", text(key)));
        }
        if self.args.headers {
            for (name, value) in message.properties.iter().chain(&message.headers) {
                line.push_str(&format!(" {}={}", printable(name), printable(&value.to_string())));
            }
        }
        line.push_str(&format!(" {}", text(&message.body)));
        let shown = match &message.body {
            Payload::Text(text) => text.len() as u64,
            Payload::Base64(text) => text.trim_end_matches('=').len() as u64 * 3 / 4,
        };
        if shown < message.bytes {
            line.push_str(&format!(" … ({} bytes)", message.bytes));
        }
        line
    }
}

fn text(payload: &Payload) -> String {
    match payload {
        Payload::Text(text) => printable(text),
        Payload::Base64(text) => format!("base64:{text}"),
    }
}

/// A place to begin, in the words of the API.
fn place(text: &str) -> Result<String> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text == "earliest" || text == "latest" || number(text.strip_prefix('-').unwrap_or(text)) {
        return Ok(text.to_owned());
    }
    if let Ok(ms) = when::duration(text) {
        return Ok(format!("~{ms}"));
    }
    when::time(text).map(|ms| format!("@{ms}")).map_err(|_| {
        Problem::new(&codes::ARGUMENT_INVALID, format!("{text:?} is no place to begin"))
            .fix("give earliest, latest, an offset, -N for the last N, a time as 2026-11-22T10:30:00Z, or 15m for so long ago")
    })
}
