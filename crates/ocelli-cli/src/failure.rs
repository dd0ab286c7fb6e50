//! One readable report for whatever goes wrong, and the exit code that goes with it.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The work failed, wholly or in part.
pub(crate) const FAILED: u8 = 1;
/// What was asked for cannot be: a flag, a name, a recipe.
pub(crate) const USAGE: u8 = 2;

/// Why a command did not do all that it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be reported.
    Report {
        /// What happened; its chain of sources says why.
        error: Box<dyn Error>,
        /// What may mend it.
        hint: Option<String>,
        /// The exit code.
        code: u8,
    },
    /// Everything has been said already.
    Reported(u8),
}

impl Failure {
    /// A wrong request.
    pub(crate) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Failure::Report { error: error.into(), hint: None, code: USAGE }
    }

    /// Work that failed.
    pub(crate) fn failed(error: impl Into<Box<dyn Error>>) -> Self {
        Failure::Report { error: error.into(), hint: None, code: FAILED }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Failure::Report { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The error and why, for another report.
    pub(crate) fn said(&self) -> String {
        match self {
            Failure::Report { error, .. } => error.to_string(),
            Failure::Reported(code) => format!("exit code {code}"),
        }
    }

    /// Prints the report to standard error; gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Reported(code) => ExitCode::from(code),
            Failure::Report { error, .. } if closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
            Failure::Report { error, hint, code } => {
                // Nobody may be there to read it any more; the exit code says it too.
                let _ = write!(io::stderr(), "{}", text(error.as_ref(), hint.as_deref()));
                ExitCode::from(code)
            }
        }
    }
}

/// Anything else that fails is work that failed.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::failed(error)
    }
}

/// Whoever read our output had enough (`ocelli … | head`): no failure.
pub(crate) fn closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn text(error: &dyn Error, hint: Option<&str>) -> String {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Transparent wrappers repeat their source; say it once.
        if !last.contains(&said) {
            let _ = writeln!(text, "  because: {said}");
        }
        last = said;
        source = cause.source();
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;
    use std::io;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a.png: cannot be read")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn tells_what_why_and_what_to_do() {
        let error = Outer(io::Error::other("the disk is on fire"));
        let said = text(&error, Some("use another disk"));
        assert_eq!(
            said,
            "error: a.png: cannot be read\n  because: the disk is on fire\n  hint: use another disk\n"
        );
    }
}
