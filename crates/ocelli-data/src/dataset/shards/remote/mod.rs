//! Shards over HTTP and in S3-compatible storage, through `object_store`.
//!
//! `https://host/path/train-{0000..0009}.tar` and `s3://bucket/path/train-{0000..0009}.tar` name shards; `s3://bucket/path/` stands
//! for all below it, as a folder does. S3 is set up by the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
//! `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …); without credentials, requests are not signed.
//!
//! Opening reads each shard once, from its beginning, to find its samples: an answer every few megabytes costs less than a
//! request for every header. What is found is [kept](super::kept) on this machine. Training [says](crate::Dataset::announce) which
//! samples come next, and the blocks they lie in are fetched ahead; what is read out of order is asked for alone. Memory is
//! bounded by the blocks that are kept, 512 MiB.
//!
//! What the network or a server does is no fault of a sample: after some tries it ends the reading, as an error of the kind
//! [`Unavailable`](crate::ErrorKind::Unavailable).

mod blocks;
mod bounded;
mod failure;
mod file;
mod http;
mod listing;
mod network;
mod s3;
mod stores;

use std::sync::Arc;

use blocks::Blocks;
use file::RemoteFile;
use futures_util::{StreamExt, TryStreamExt};
use network::Network;
use stores::{Place, Stores};

use super::{Opening, Ranges};
use crate::DataError;
use crate::dataset::address::{expand, shown};
use crate::dataset::files::{lines, part_of};
use crate::dataset::splits::Part;

/// Shards whose headers are read at once: each waits for the network most of the time.
const STREAMS: usize = 8;
/// Shards that are asked at once whether they are there.
const ASKED: usize = 16;

/// The shards that an address names, each with the split that a word of its name says.
pub(in crate::dataset) fn find(address: &str) -> Result<Opening, DataError> {
    let network = Arc::new(Network::start()?);
    let mut stores = Stores::new(&network);
    let named = expand(address)?;
    let places = match named.as_slice() {
        [one] if is_prefix(one) => {
            let prefix = stores.place(one)?;
            network.wait(async move { listing::list(&prefix).await })??
        }
        _ => {
            let place = |address: &String| {
                let place = stores.place(address)?;
                let part = part_of(file_name(&place.name)).unwrap_or(Part::Train);
                Ok((if named.len() == 1 { Part::Train } else { part }, place))
            };
            named.iter().map(place).collect::<Result<Vec<_>, DataError>>()?
        }
    };
    let shards = network.wait(open(places, Arc::clone(&network)))??;
    let listed = classes(&named[0], &mut stores, &network)?;
    Ok(Opening { name: shown(address).into_owned(), shards, listed, threads: STREAMS })
}

/// Whether an address stands for all shards below it.
fn is_prefix(address: &str) -> bool {
    let is_file = listing::is_shard(address) || address.contains('?');
    address.ends_with('/') || (address.starts_with("s3://") && !is_file)
}

fn file_name(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or_default()
}

/// The names in `classes.txt` beside the shards, if there are any.
fn classes(address: &str, stores: &mut Stores, network: &Network) -> Result<Option<Vec<String>>, DataError> {
    // The signature of one file is none of another.
    if address.contains('?') {
        return Ok(None);
    }
    let beside =
        if is_prefix(address) { address } else { &address[..address.len() - file_name(address).len()] };
    let place = stores.place(&format!("{}/classes.txt", beside.trim_end_matches('/')))?;
    let text = network.wait(async move { listing::text(&place).await })??;
    Ok(text.as_deref().map(lines))
}

/// Opens all shards, several at a time.
async fn open(
    places: Vec<(Part, Place)>,
    network: Arc<Network>,
) -> Result<Vec<(Part, Arc<dyn Ranges>)>, DataError> {
    let blocks = Arc::new(Blocks::default());
    let one = |(number, (part, place)): (u32, (Part, Place))| {
        let file = RemoteFile::open(place, number, Arc::clone(&network), Arc::clone(&blocks));
        async move { Ok((part, Arc::new(file.await?) as Arc<dyn Ranges>)) }
    };
    futures_util::stream::iter((0..).zip(places).map(one)).buffered(ASKED).try_collect().await
}
