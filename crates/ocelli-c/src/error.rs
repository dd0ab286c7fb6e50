//! What went wrong, as a number for the program and a sentence for its user.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ocelli_data::DataError;
use ocelli_model::ModelError;

/// `OCELLI_OK` of the header.
pub(crate) const OK: i32 = 0;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The caller gave what cannot be.
    #[error("{0}")]
    Argument(String),
    /// The model cannot be loaded.
    #[error("{}", with_causes(.0))]
    Model(#[from] ModelError),
    /// The image cannot be used.
    #[error("{}", with_causes(.0))]
    Image(#[from] DataError),
    /// A mistake in this library.
    #[error("this should not have happened, please report it: {0}")]
    Panic(String),
}

impl Failure {
    /// The `OCELLI_ERROR_` of the header.
    fn status(&self) -> i32 {
        match self {
            Failure::Argument(_) => 1,
            Failure::Model(_) => 2,
            Failure::Image(_) => 3,
            Failure::Panic(_) => 4,
        }
    }
}

/// An error and what is behind it, as one sentence.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// The sentence of the call that failed last on this thread, empty if none did. It stays until the next that fails.
pub(crate) fn last() -> *const c_char {
    // A thread that is ending may have lost it already.
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// Does what a call asks for. What goes wrong is remembered; a panic goes no further than this.
pub(crate) fn answer(work: impl FnOnce() -> Result<(), Failure>) -> i32 {
    // Where a panic leaves something half done is the model's network, which begins every image anew.
    let done =
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::Panic(said(&*panic))));
    let Err(failure) = done else { return OK };
    // A path or a class may have a zero byte in its name, which would end the sentence.
    let sentence = CString::new(failure.to_string().replace('\0', "\u{fffd}")).unwrap_or_default();
    let _ = LAST.try_with(|last| last.replace(sentence));
    failure.status()
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The last sentence as text.
    pub(crate) fn sentence() -> String {
        LAST.with_borrow(|last| last.to_str().expect("UTF-8").to_owned())
    }

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(answer(|| panic!("place {}", 7)), 4);
        assert_eq!(sentence(), "this should not have happened, please report it: place 7");
        assert_eq!(answer(|| Ok(())), OK);
        assert!(sentence().ends_with("place 7"), "a call that succeeds leaves it");
    }

    #[test]
    fn a_sentence_has_its_causes_and_no_zero_byte() {
        let missing = ocelli_model::Classifier::load("no such file").expect_err("no file");
        assert_eq!(answer(|| Err(missing.into())), 2);
        assert!(sentence().contains("cannot be read: No such file"), "{}", sentence());
        assert_eq!(answer(|| Err(Failure::Argument("a\0b".into()))), 1);
        assert_eq!(sentence(), "a\u{fffd}b");
    }

    #[test]
    fn each_thread_has_its_own_sentence() {
        answer(|| Err(Failure::Argument("mine".into())));
        let other = std::thread::spawn(sentence).join().expect("a thread");
        assert_eq!((other.as_str(), sentence().as_str()), ("", "mine"));
    }
}
