//! The instruction sets that the kernels are compiled for, and the choice among them at run time.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

/// The environment variable that forces an instruction set: `avx512`, `avx2` or `portable`.
pub const ISA_VARIABLE: &str = "OCELLI_ISA";

/// Proof that this CPU runs an instruction set. Only detection makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Isa(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// A name that is not an instruction set of this CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIsa {
    name: String,
}

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        write!(
            f,
            "instruction set `{}` is unknown or not on this CPU, which has: {}",
            self.name,
            here.join(", ")
        )
    }
}

impl std::error::Error for UnknownIsa {}

impl Isa {
    /// Every instruction set of this CPU, best first. Numeric tests loop over it.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
            {
                found.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self(Kind::Avx2));
            }
        }
        found.push(Self(Kind::Portable));
        found
    }

    /// The best instruction set of this CPU, or the one that [`ISA_VARIABLE`] names. Detected once.
    ///
    /// # Errors
    /// If the variable names an instruction set that this CPU has not.
    pub fn detect() -> Result<Self, UnknownIsa> {
        static CHOSEN: OnceLock<Result<Isa, UnknownIsa>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var(ISA_VARIABLE) {
                Ok(name) if !name.is_empty() => Self::named(&name),
                _ => Ok(Self::available()[0]),
            })
            .clone()
    }

    /// The instruction set of this name, if this CPU has it.
    ///
    /// # Errors
    /// If it is unknown, or this CPU has it not.
    pub fn named(name: &str) -> Result<Self, UnknownIsa> {
        Self::available()
            .into_iter()
            .find(|isa| isa.name() == name)
            .ok_or_else(|| UnknownIsa { name: name.to_owned() })
    }

    /// `avx512`, `avx2` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            Kind::Portable => "portable",
        }
    }

    /// Runs a loop compiled for this instruction set.
    #[inline]
    pub fn compile<L: Loop>(self, plain: L) -> L::Output {
        self.run(Compiled(plain))
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: an Avx512 token exists only if detection found these features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: an Avx2 token exists only if detection found these features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { run_avx2(kernel) },
            Kind::Portable => kernel.run(Portable),
        }
    }
}

/// A plain loop over slices that the compiler vectorises, to be compiled for every instruction set by [`Isa::compile`].
///
/// Implementations mark `run` `#[inline(always)]`, and what it calls too: only what is inlined is compiled anew.
/// `f32::mul_add` is one instruction where the CPU has it, and rounds once everywhere.
pub trait Loop {
    /// What it gives.
    type Output;
    /// Runs it.
    fn run(self) -> Self::Output;
}

struct Compiled<L>(L);

impl<L: Loop> Kernel for Compiled<L> {
    type Output = L::Output;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> L::Output {
        self.0.run()
    }
}

/// A computation written once over the vector type. Implementations mark `run` `#[inline(always)]`,
/// so that it is compiled with the features of the function that calls it.
pub(crate) trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's caller has shown that the features are there.
    kernel.run(unsafe { Avx512::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's caller has shown that the features are there.
    kernel.run(unsafe { Avx2::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_is_always_there_and_last() {
        assert_eq!(Isa::available().last().map(|isa| isa.name()), Some("portable"));
    }

    #[test]
    fn names_round_trip_and_unknown_ones_are_refused() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
        let error = Isa::named("sse9").unwrap_err().to_string();
        assert!(error.contains("sse9") && error.contains("portable"), "{error}");
    }
}
