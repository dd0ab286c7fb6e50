//! What a picture comes as.

use axum::body::Bytes;
use ocelli_data::{DataError, ErrorKind};

/// A picture that somebody asks about. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Picture {
    /// An image file, and what errors call it.
    File {
        /// The file.
        bytes: Bytes,
        /// Its name.
        name: String,
    },
    /// An image: height × width × channels bytes.
    Pixels {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The bytes, as many as they say with the model's channels.
        bytes: Bytes,
    },
    /// What the transforms would have made of an image.
    Values(Values),
}

/// Numbers for a network, channels × height × width, each four bytes, the lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Values(pub(crate) Bytes);

impl Values {
    /// The numbers, height × width × channels.
    ///
    /// # Errors
    /// They are not `channels × pixels` numbers, or one is infinite or none.
    pub(crate) fn channels_last(&self, channels: usize, pixels: usize) -> Result<Vec<f32>, DataError> {
        let invalid = |reason: String| DataError::about(ErrorKind::Invalid, "input", reason);
        if self.0.len() != channels * pixels * size_of::<f32>() {
            let needed = channels * pixels * size_of::<f32>();
            return Err(invalid(format!("{} bytes for an image that needs {needed}", self.0.len())));
        }
        let mut values = vec![0.0; channels * pixels];
        for (place, bytes) in self.0.as_chunks::<4>().0.iter().enumerate() {
            let value = f32::from_le_bytes(*bytes);
            if !value.is_finite() {
                return Err(invalid(format!("number {place} of an image is {value}")));
            }
            values[place % pixels * channels + place / pixels] = value;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(numbers: &[f32]) -> Values {
        Values(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    #[test]
    fn channels_go_last() {
        let planes = values(&[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        assert_eq!(planes.channels_last(2, 3).unwrap(), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(values(&[1.0; 5]).channels_last(2, 3).is_err());
        let error = values(&[1.0, f32::NAN]).channels_last(1, 2).unwrap_err().to_string();
        assert!(error.contains("number 1 of an image is NaN"), "{error}");
    }
}
