//! `ocelli summary`: a network layer by layer.

use super::network::network;
use super::print_json;
use crate::args::SummaryArgs;
use crate::failure::Failure;
use ocelli::nn::{Shape, Summary};
use std::io::{self, Write};

pub(crate) fn run(args: &SummaryArgs) -> Result<(), Failure> {
    let input = args.input.as_deref().map(str::parse::<Shape>).transpose().map_err(Failure::usage)?;
    let summary = Summary::new(&network(&args.network, input)?);
    if args.json {
        return print_json(&summary);
    }
    writeln!(io::stdout().lock(), "{summary}")?;
    Ok(())
}
