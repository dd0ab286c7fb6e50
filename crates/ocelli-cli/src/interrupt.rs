//! Ctrl-C, and the signal by which systems end programs.

use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a program that Ctrl-C ended: 128 and the signal's number.
pub(crate) const CODE: u8 = 130;

/// Whether the user asked to stop.
static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C asks to stop, and the second stops at once.
pub(crate) fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds that nobody has asked yet.
        flag::register_conditional_shutdown(signal, CODE.into(), &ASKED)?;
        flag::register(signal, &ASKED)?;
    }
    Ok(())
}

/// Whether the user asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// # Errors
/// The user asked to stop, which is said.
pub(crate) fn check() -> Result<(), Failure> {
    if asked() { Err(stopped()) } else { Ok(()) }
}

/// Says that a command stopped, as the user asked, without anything to go on from.
pub(crate) fn stopped() -> Failure {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "stopped as asked");
    Failure::Reported(CODE)
}
