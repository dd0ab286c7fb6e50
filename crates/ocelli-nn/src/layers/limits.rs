//! Bounds on sizes: a network may come from a file that anyone wrote.

use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{MAX_ELEMENTS, Shape};

/// The number of elements, if it is at least 1 and at most [`MAX_ELEMENTS`].
fn elements(dimensions: &[usize]) -> Option<u64> {
    let product =
        dimensions.iter().try_fold(1u64, |product, &n| product.checked_mul(u64::try_from(n).ok()?))?;
    (1..=MAX_ELEMENTS).contains(&product).then_some(product)
}

fn needs() -> String {
    format!("at least 1 value and at most {MAX_ELEMENTS}")
}

/// Refuses shapes with no elements or too many.
pub(super) fn check_shape(shape: Shape) -> Result<(), ShapeError> {
    if elements(&shape.dimensions()).is_some() {
        return Ok(());
    }
    Err(ShapeError::new(
        ShapeErrorKind::Limit,
        shape.in_words(),
        needs(),
        "change the input's size or the channels",
    ))
}

/// Refuses a count in an option that is not at least 1 and at most [`MAX_ELEMENTS`].
pub(super) fn check_option_count(name: &str, count: usize) -> Result<(), ShapeError> {
    match elements(&[count]) {
        Some(_) => Ok(()),
        None => Err(ShapeError::option(name, count, &format!("1 to {MAX_ELEMENTS}"))),
    }
}

/// Refuses an eps of a normalisation that is not above 0.
pub(super) fn check_eps(eps: f32) -> Result<(), ShapeError> {
    if eps.is_finite() && eps > 0.0 {
        Ok(())
    } else {
        Err(ShapeError::option("eps", eps, "a number above 0"))
    }
}

/// Refuses a momentum of running averages that is no share.
pub(super) fn check_momentum(momentum: Option<f32>) -> Result<(), ShapeError> {
    match momentum {
        Some(share) if !(0.0..=1.0).contains(&share) => {
            Err(ShapeError::option("momentum", share, "a number from 0 to 1"))
        }
        _ => Ok(()),
    }
}

/// Refuses parameters with no elements or too many.
pub(super) fn check_parameter(shape: &[usize]) -> Result<(), ShapeError> {
    if elements(shape).is_some() {
        return Ok(());
    }
    let got = format!("a parameter of {}", shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×"));
    Err(ShapeError::new(ShapeErrorKind::Limit, got, needs(), "change the channels, features or kernel_size"))
}
