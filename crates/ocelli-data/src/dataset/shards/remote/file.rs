//! A shard elsewhere, as bytes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use object_store::{GetOptions, GetRange, ObjectMeta};
use xxhash_rust::xxh3::xxh3_128;

use super::blocks::{Asked, BLOCK, Blocks, Key};
use super::failure::{ELSEWISE, Failed};
use super::network::Network;
use super::stores::Place;
use crate::dataset::shards::Ranges;
use crate::{DataError, ErrorKind};

/// Bytes that are read to see whether it is there: the first header of a tar file.
const FIRST: u64 = 512;
/// Tries while the data is opened: whoever waits there may have mistaken the address.
const TRIES_TO_OPEN: u32 = 2;
/// How long is waited before the second try; before each further one, twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// A read that begins so many bytes behind an earlier one, or less, goes on from there.
const NEAR: u64 = 1 << 20;
/// Places where reading may go on.
const PLACES: usize = 4;
/// Blocks that are fetched ahead of reading in order.
const AHEAD: u64 = 2;

/// A file elsewhere, of which parts are read. What lies together is read in blocks, ahead of its use; single parts alone.
pub(super) struct RemoteFile(Arc<Inner>);

struct Inner {
    number: u32,
    place: Place,
    version: Version,
    network: Arc<Network>,
    blocks: Arc<Blocks>,
    /// Where the last reads of single parts ended.
    ends: Mutex<VecDeque<u64>>,
}

/// What tells whether a file is still the one that was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Version {
    len: u64,
    tag: Option<String>,
    /// In microseconds since 1970; 0 if the server does not say.
    modified: i64,
}

impl Version {
    fn of(about: &ObjectMeta) -> Self {
        Self { len: about.size, tag: about.e_tag.clone(), modified: about.last_modified.timestamp_micros() }
    }
}

/// Parts of one file, as they come.
struct Answer {
    version: Version,
    bytes: Vec<u8>,
}

impl RemoteFile {
    /// Asks for the first bytes of a file.
    ///
    /// # Errors
    /// If it is not there, may not be read, cannot be read in parts, or its server cannot be reached.
    pub(super) async fn open(
        place: Place,
        number: u32,
        network: Arc<Network>,
        blocks: Arc<Blocks>,
    ) -> Result<Self, DataError> {
        let first = ask_patiently(&network, &place, 0..FIRST, None, TRIES_TO_OPEN).await?;
        let (version, ends) = (first.version, Mutex::default());
        Ok(Self(Arc::new(Inner { number, place, version, network, blocks, ends })))
    }
}

/// Asks for a part of a file, once, and for no more than that.
async fn ask(place: &Place, range: Range<u64>, version: Option<&Version>) -> Result<Answer, Failed> {
    let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
    let failed = |error: object_store::Error| Failed::of(&error, place.asked());
    let answer = place.store.get_opts(&place.path, options).await.map_err(failed)?;
    let found = Version::of(&answer.meta);
    if version.is_some_and(|version| *version != found) {
        let reason = "has changed since it was opened: start again to use what is there now";
        return Err(Failed::for_good(ErrorKind::Unavailable, &place.name, reason));
    }
    let wanted = range.end.min(found.len).saturating_sub(range.start);
    let mut bytes = Vec::with_capacity(wanted.min(BLOCK) as usize);
    let mut stream = answer.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(failed)?;
        if (bytes.len() + chunk.len()) as u64 > wanted {
            let reason =
                format!("its server sends more than the {wanted} bytes that were asked for; {ELSEWISE}");
            return Err(Failed::for_good(ErrorKind::Unavailable, &place.name, reason));
        }
        bytes.extend_from_slice(&chunk);
    }
    if (bytes.len() as u64) < wanted {
        let reason =
            format!("ends after {} of the {wanted} bytes that were asked for; {ELSEWISE}", bytes.len());
        return Err(Failed::half_way(&place.name, reason));
    }
    Ok(Answer { version: found, bytes })
}

/// Asks for a part of a file, again if what went wrong may pass, so many times at most.
async fn ask_patiently(
    network: &Network,
    place: &Place,
    range: Range<u64>,
    version: Option<&Version>,
    most: u32,
) -> Result<Answer, DataError> {
    let mut pause = PAUSE;
    let mut tried = 1;
    loop {
        match network.in_turn(ask(place, range.clone(), version)).await {
            Ok(answer) => return Ok(answer),
            Err(failed) if tried < failed.tries.min(most) => {
                Network::pause(pause).await;
                pause *= 2;
                tried += 1;
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

impl Inner {
    async fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, DataError> {
        let version = Some(&self.version);
        let answer = ask_patiently(&self.network, &self.place, range, version, u32::MAX).await;
        answer.map(|answer| answer.bytes).map_err(|error| {
            // What was there and is not any more is no mistake in the address.
            DataError::about(ErrorKind::Unavailable, &self.place.name, error.reason())
        })
    }

    fn block(&self, number: u64) -> (Key, Range<u64>) {
        let start = number * BLOCK;
        ((self.number, number), start..(start + BLOCK).min(self.version.len))
    }

    /// Fetches a block that is asked for for the first time.
    fn begin(self: &Arc<Self>, key: Key, range: Range<u64>, asked: Asked) {
        let file = Arc::clone(self);
        self.network.begin(async move {
            let fetching = Arc::clone(&file);
            let fetched = Network::guarded(async move { fetching.fetch(range).await.map(Arc::new) }).await;
            file.blocks.hand_in(key, &asked, fetched);
        });
    }

    /// Begins to fetch a block, if there is room for it.
    fn ahead(self: &Arc<Self>, number: u64, in_order: bool) {
        let (key, range) = self.block(number);
        if range.is_empty() {
            return;
        }
        match self.blocks.ask_ahead(key, range.end - range.start, in_order) {
            Some(asked) if asked.is_new => self.begin(key, range, asked),
            _ => {}
        }
    }
}

impl Inner {
    /// Whether a read goes on from where an earlier one ended.
    fn goes_on(&self, range: &Range<u64>) -> bool {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let near = |&end: &u64| range.start.abs_diff(end) <= NEAR;
        let place = ends.iter().position(near);
        if let Some(place) = place {
            ends.remove(place);
        }
        ends.push_back(range.end);
        if ends.len() > PLACES {
            ends.pop_front();
        }
        place.is_some()
    }

    /// The blocks that a part lies in, if it is to be read from blocks: those that are there or under way already, or all of
    /// them, where reading goes on from an earlier part.
    fn in_blocks(self: &Arc<Self>, range: &Range<u64>) -> Option<Vec<(u64, Asked)>> {
        let numbers = range.start / BLOCK..range.end.div_ceil(BLOCK);
        let found: Option<Vec<_>> =
            numbers.clone().map(|number| Some((number, self.blocks.find((self.number, number))?))).collect();
        let (asked, goes_on) = match found {
            Some(found) => {
                let in_order = found.iter().any(|(_, asked)| asked.in_order);
                (found, in_order)
            }
            None if self.goes_on(range) => {
                (numbers.clone().map(|number| (number, self.need(number))).collect(), true)
            }
            None => return None,
        };
        if goes_on {
            (numbers.end..numbers.end + AHEAD).for_each(|number| self.ahead(number, true));
        }
        Some(asked)
    }

    /// A block that is needed now, read in order.
    fn need(self: &Arc<Self>, number: u64) -> Asked {
        let (key, range) = self.block(number);
        let asked = self.blocks.ask(key, range.end - range.start, true);
        if asked.is_new {
            self.begin(key, range, asked.clone());
        }
        asked
    }

    fn read(self: &Arc<Self>, range: Range<u64>) -> Result<Vec<u8>, DataError> {
        let len = range.end - range.start;
        let blocks = if len < BLOCK { self.in_blocks(&range) } else { None };
        let Some(blocks) = blocks else {
            let file = Arc::clone(self);
            return self.network.wait(async move { file.fetch(range).await })?;
        };
        let mut bytes = Vec::with_capacity(len as usize);
        for (number, asked) in blocks {
            let block = self.blocks.wait(&asked)?;
            let (_, of_block) = self.block(number);
            let part = range.start.max(of_block.start)..range.end.min(of_block.end);
            let place = |at: u64| (at - of_block.start) as usize;
            bytes.extend_from_slice(&block[place(part.start)..place(part.end)]);
        }
        Ok(bytes)
    }
}

impl Ranges for RemoteFile {
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0.place.name)
    }

    fn len(&self) -> u64 {
        self.0.version.len
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, DataError> {
        let end = offset.checked_add(len as u64).filter(|&end| end <= self.len());
        let end = end.ok_or_else(|| {
            let reason =
                format!("ends early: {len} bytes from {offset} on are needed, it has {}", self.len());
            DataError::about(ErrorKind::Truncated, self.name(), reason)
        })?;
        if len == 0 { Ok(Vec::new()) } else { self.0.read(offset..end) }
    }

    fn announce(&self, offset: u64, len: usize) {
        let end = offset.saturating_add(len as u64).min(self.len());
        if (len as u64) < BLOCK {
            (offset / BLOCK..end.div_ceil(BLOCK)).for_each(|number| self.0.ahead(number, false));
        }
    }

    fn version(&self) -> Option<String> {
        let Version { len, tag, modified } = &self.0.version;
        let is_told = tag.is_some() || *modified != 0;
        is_told.then(|| format!("{} {len} {} {modified}", self.name(), tag.as_deref().unwrap_or_default()))
    }

    fn key(&self, offset: u64) -> Option<u128> {
        Some(xxh3_128(format!("{} {offset}", self.version()?).as_bytes()))
    }
}
