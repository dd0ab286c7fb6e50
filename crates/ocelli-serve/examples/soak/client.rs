//! Clients: most are well behaved, some send nonsense, some leave, some are slow.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Connection, Said, post};
use crate::random::Random;
use crate::reload::History;
use crate::right::Right;
use crate::samples::Known;
use crate::tally::Tally;
use crate::wrong::Wrong;

/// A connection that was idle for longer is not used again: the server ends those that idle for five seconds.
const FRESH: Duration = Duration::from_secs(2);
/// Pieces in which a slow client sends, and the time between two.
const PIECES: usize = 5;
const BETWEEN: Duration = Duration::from_millis(300);

/// What clients share.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) known: Known,
    pub(crate) wrong: Vec<Wrong>,
    pub(crate) history: History,
    pub(crate) tally: Arc<Tally>,
    pub(crate) done: AtomicBool,
}

impl World {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

/// One client.
pub(crate) struct Client<'a> {
    world: &'a World,
    random: Random,
    connection: Option<Connection>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(world: &'a World, seed: u64) -> Self {
        Self { world, random: Random::new(seed), connection: None }
    }

    /// Asks once in every `period`, not more, until all is done.
    pub(crate) fn run(&mut self, period: Duration) {
        // Clients do not begin together.
        let mut next = Instant::now() + period.mul_f64(self.random.below(100) as f64 / 100.0);
        while !self.world.is_done() {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            self.turn();
            // What was missed is not made up for.
            next = (next + period).max(Instant::now());
        }
    }

    /// Sends slowly, in turn slowly enough to be answered and too slowly.
    pub(crate) fn run_slowly(&mut self) {
        while !self.world.is_done() {
            if let Err(fault) = self.slowly().and_then(|()| self.too_slowly()) {
                self.world.tally.fault(&fault);
            }
        }
    }

    fn turn(&mut self) {
        let done = match self.random.below(20) {
            0 | 1 => self.wrong(),
            2 => self.leave(),
            _ => self.right(),
        };
        if let Err(fault) = done {
            self.connection = None;
            self.world.tally.fault(&fault);
        }
    }

    /// The connection that is kept, or a new one; one time in ten a new one in any case.
    fn connection(&mut self) -> Result<Connection, String> {
        let kept = self.connection.take().filter(|connection| connection.idle() < FRESH);
        match kept {
            Some(kept) if self.random.below(10) > 0 => Ok(kept),
            _ => {
                self.world.tally.count(|counts| counts.connections += 1);
                Connection::open(self.world.address).map_err(|error| format!("no connection: {error}"))
            }
        }
    }

    fn receive(&mut self, mut connection: Connection) -> io::Result<Said> {
        let (said, goes_on) = connection.receive()?;
        self.connection = goes_on.then_some(connection);
        Ok(said)
    }

    fn right(&mut self) -> Result<(), String> {
        let right = Right::draw(&self.world.known, &mut self.random);
        let mut connection = self.connection()?;
        let begun = Instant::now();
        let said = connection.send(&right.bytes).and_then(|()| self.receive(connection));
        let said = said.map_err(|error| format!("a right request was lost: {error}"))?;
        let took = begun.elapsed();
        right.check(&said, &self.world.known, &self.world.history.since(begun))?;
        self.world.tally.count(|counts| counts.took(took));
        Ok(())
    }

    fn wrong(&mut self) -> Result<(), String> {
        let world = self.world;
        let wrong = Wrong::draw(&world.wrong, &mut self.random);
        let mut connection = self.connection()?;
        // A server that has heard enough may have ended the connection before all is sent.
        let sent = connection.send(&wrong.bytes);
        match sent.and_then(|()| self.receive(connection)) {
            Ok(said) => wrong.check(&said)?,
            Err(_) if wrong.may_end => {}
            Err(error) => return Err(format!("{} got no answer: {error}", wrong.what())),
        }
        world.tally.count(|counts| counts.wrong += 1);
        Ok(())
    }

    /// Begins a request, or sends all of it, and goes without waiting for an answer.
    fn leave(&mut self) -> Result<(), String> {
        let right = Right::draw(&self.world.known, &mut self.random);
        let mut connection = self.connection()?;
        let sent = 1 + self.random.below(right.bytes.len());
        connection.send(&right.bytes[..sent]).map_err(|error| format!("nobody listens: {error}"))?;
        thread::sleep(Duration::from_millis(self.random.below(20) as u64));
        self.world.tally.count(|counts| counts.left += 1);
        Ok(())
    }

    /// A right request in pieces with pauses: it is answered.
    fn slowly(&mut self) -> Result<(), String> {
        let right = Right::draw(&self.world.known, &mut self.random);
        let mut connection = self.connection()?;
        let begun = Instant::now();
        for piece in right.bytes.chunks(right.bytes.len().div_ceil(PIECES)) {
            connection.send(piece).map_err(|error| format!("a slow request was cut off: {error}"))?;
            thread::sleep(BETWEEN);
        }
        let said = self.receive(connection).map_err(|error| format!("a slow request was lost: {error}"))?;
        right.check(&said, &self.world.known, &self.world.history.since(begun))?;
        self.world.tally.count(|counts| counts.right += 1);
        Ok(())
    }

    /// A body that never ends: it is told so, and the connection ends.
    fn too_slowly(&mut self) -> Result<(), String> {
        let whole = post("/v1/predict", "image/png", &self.world.known.samples[0].file);
        let mut connection = self.connection()?;
        connection.send(&whole[..whole.len() - 1]).map_err(|error| format!("nobody listens: {error}"))?;
        let said =
            self.receive(connection).map_err(|error| format!("too slow a request got no answer: {error}"))?;
        if said.status != 408 || self.connection.is_some() {
            return Err(format!("too slow a request was told {}", said.text()));
        }
        self.world.tally.count(|counts| counts.slow += 1);
        Ok(())
    }
}
