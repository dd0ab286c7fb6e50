//! A tensor as a view of a stretch of values: sizes, strides and where it begins.

/// The most dimensions that a tensor may have, as in PyTorch.
const MAX_DIMENSIONS: usize = 64;

/// A view that lies within its storage. Sizes and strides count values, as in PyTorch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strided {
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    elements: usize,
}

impl Strided {
    /// A view of a storage of `length` values.
    ///
    /// # Errors
    /// What is wrong with it, to follow "has a tensor".
    pub(super) fn new(shape: Vec<u64>, strides: Vec<u64>, offset: u64, length: u64) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MAX_DIMENSIONS {
            return Err(format!("of {} sizes with {} strides", shape.len(), strides.len()));
        }
        let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size));
        let last = shape.iter().zip(&strides).try_fold(offset, |last, (&size, &stride)| {
            last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
        });
        // One that is empty reads nothing, wherever it begins.
        let within = elements == Some(0) || last.is_some_and(|last| last < length);
        match (elements, within) {
            (Some(elements), true) => {
                let narrow =
                    |number: u64| usize::try_from(number).map_err(|_| "too large for memory".to_string());
                let all = |numbers: Vec<u64>| numbers.into_iter().map(narrow).collect::<Result<Vec<_>, _>>();
                let offset = if elements == 0 { 0 } else { offset };
                // A single value is not stepped from: its stride may be anything.
                let used =
                    strides.iter().zip(&shape).map(|(&stride, &size)| if size > 1 { stride } else { 0 });
                let strides = all(used.collect())?;
                let shape = all(shape)?;
                Ok(Self { shape, strides, offset: narrow(offset)?, elements: narrow(elements)? })
            }
            _ => Err(format!("of shape {shape:?} that reaches beyond its storage of {length} values")),
        }
    }

    /// All of a storage, row-major.
    pub(super) fn whole(shape: &[usize]) -> Self {
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
        }
        Self { shape: shape.to_vec(), strides, offset: 0, elements: shape.iter().product() }
    }

    /// The same view where the storage begins `start` values further on.
    pub(super) fn shifted(mut self, start: u64) -> Result<Self, String> {
        let offset = usize::try_from(start).ok().and_then(|start| self.offset.checked_add(start));
        self.offset = offset.ok_or("that begins beyond all memory")?;
        Ok(self)
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many values it has.
    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// How many of the storage's values must be there; `None` if no number says it.
    pub(super) fn reach(&self) -> Option<usize> {
        if self.elements == 0 {
            return Some(0);
        }
        let axes = self.shape.iter().zip(&self.strides);
        axes.clone().try_fold(self.offset.checked_add(1)?, |reach, (&size, &stride)| {
            reach.checked_add((size - 1).checked_mul(stride)?)
        })
    }

    /// The values, row-major.
    ///
    /// # Panics
    /// If they do not lie within `bytes`.
    pub(super) fn gather<T, const N: usize>(&self, bytes: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
        let values = bytes.as_chunks::<N>().0;
        if self.is_contiguous() {
            let values = &values[self.offset.min(values.len())..];
            return values[..self.elements].iter().map(|&value| decode(value)).collect();
        }
        let mut gathered = Vec::with_capacity(self.elements);
        let mut place = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..self.elements {
            gathered.push(decode(values[at]));
            // The last axis moves first; one that has come to its end goes back to its start and moves the one before.
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                at += self.strides[axis];
                if place[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis];
                place[axis] = 0;
            }
        }
        gathered
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        let axes = self.shape.iter().zip(&self.strides).rev();
        self.elements == 0
            || axes.filter(|(size, _)| **size != 1).all(|(&size, &stride)| {
                let fits = stride == expected;
                expected = expected.saturating_mul(size);
                fits
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u8) -> Vec<u8> {
        (0..count).collect()
    }

    fn gathered(shape: &[u64], strides: &[u64], offset: u64) -> Vec<u8> {
        let view = Strided::new(shape.to_vec(), strides.to_vec(), offset, 12).unwrap();
        assert!(view.reach().unwrap() <= 12);
        view.gather(&bytes(12), |[byte]| byte)
    }

    #[test]
    fn views_are_gathered_row_by_row() {
        assert_eq!(gathered(&[2, 3], &[3, 1], 1), [1, 2, 3, 4, 5, 6]);
        assert_eq!(gathered(&[3, 2], &[1, 3], 0), [0, 3, 1, 4, 2, 5], "transposed");
        assert_eq!(gathered(&[2, 2, 2], &[6, 0, 2], 1), [1, 3, 1, 3, 7, 9, 7, 9], "expanded and stepped");
        assert_eq!(gathered(&[3], &[0], 11), [11, 11, 11]);
        assert_eq!(gathered(&[], &[], 7), [7], "a single number");
        assert_eq!(gathered(&[0, 5], &[5, 1], 99), [0; 0]);
        assert_eq!(gathered(&[1, 12], &[999, 1], 0), bytes(12), "the stride of one value says nothing");
        let whole = Strided::whole(&[2, 3]);
        assert_eq!(whole.gather(&bytes(6), |[byte]| byte), bytes(6));
    }

    #[test]
    fn what_reaches_beyond_the_storage_is_refused() {
        let refused = |shape: &[u64], strides: &[u64], offset| {
            Strided::new(shape.to_vec(), strides.to_vec(), offset, 12).unwrap_err()
        };
        for (shape, strides, offset) in [
            (&[13][..], &[1][..], 0),
            (&[12], &[1], 1),
            (&[2, 2], &[11, 1], 0),
            (&[1], &[1], 12),
            (&[2], &[u64::MAX], 0),
            (&[3], &[1 << 63], 0),
            (&[1 << 40, 1 << 40], &[0, 0], 0),
            (&[1], &[1], u64::MAX),
        ] {
            let said = refused(shape, strides, offset);
            assert!(said.contains("beyond its storage of 12 values"), "{said}");
        }
        assert!(refused(&[2], &[], 0).contains("1 sizes with 0 strides"));
        assert!(refused(&[1; 65], &[1; 65], 0).contains("65 sizes"));
    }
}
