//! What a tensor's values are in a file, and how they become floats of 32 or integers of 64 bits.

use super::strided::Strided;
use ocelli_nn::TensorData;
use safetensors::Dtype;

/// A kind of value. Floats of any width become `f32`, all others `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
    U16,
    U32,
}

impl Element {
    pub(super) const ALL: [Self; 12] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U8,
        Self::Bool,
        Self::U16,
        Self::U32,
    ];

    /// PyTorch's name of the type.
    pub(super) fn torch(self) -> &'static str {
        match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
        }
    }

    /// The first part of the name of PyTorch's storage of such values, `FloatStorage`; newer types have none.
    pub(super) fn storage(self) -> Option<&'static str> {
        match self {
            Self::F64 => Some("Double"),
            Self::F32 => Some("Float"),
            Self::F16 => Some("Half"),
            Self::Bf16 => Some("BFloat16"),
            Self::I64 => Some("Long"),
            Self::I32 => Some("Int"),
            Self::I16 => Some("Short"),
            Self::I8 => Some("Char"),
            Self::U8 => Some("Byte"),
            Self::Bool => Some("Bool"),
            Self::U16 | Self::U32 => None,
        }
    }

    /// The kind of a safetensors file's values; `None` for those that are not read.
    pub(super) fn of_safetensors(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F64 => Some(Self::F64),
            Dtype::F32 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::Bf16),
            Dtype::I64 => Some(Self::I64),
            Dtype::I32 => Some(Self::I32),
            Dtype::I16 => Some(Self::I16),
            Dtype::I8 => Some(Self::I8),
            Dtype::U8 => Some(Self::U8),
            Dtype::BOOL => Some(Self::Bool),
            Dtype::U16 => Some(Self::U16),
            Dtype::U32 => Some(Self::U32),
            _ => None,
        }
    }

    /// Bytes of one value in the file.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Bytes of one value when read.
    pub(super) fn size_read(self) -> u64 {
        match self {
            Self::F64 | Self::F32 | Self::F16 | Self::Bf16 => 4,
            _ => 8,
        }
    }

    /// The values of a view of little-endian `bytes`, row-major.
    ///
    /// # Panics
    /// If the view does not lie within the bytes.
    pub(super) fn decode(self, bytes: &[u8], view: &Strided) -> TensorData {
        match self {
            Self::F64 => TensorData::F32(view.gather(bytes, |b| f64::from_le_bytes(b) as f32)),
            Self::F32 => TensorData::F32(view.gather(bytes, f32::from_le_bytes)),
            Self::F16 => TensorData::F32(view.gather(bytes, |b| half(u16::from_le_bytes(b)))),
            Self::Bf16 => {
                TensorData::F32(view.gather(bytes, |[low, high]| f32::from_le_bytes([0, 0, low, high])))
            }
            Self::I64 => TensorData::I64(view.gather(bytes, i64::from_le_bytes)),
            Self::I32 => TensorData::I64(view.gather(bytes, |b| i32::from_le_bytes(b).into())),
            Self::I16 => TensorData::I64(view.gather(bytes, |b| i16::from_le_bytes(b).into())),
            Self::I8 => TensorData::I64(view.gather(bytes, |b| i8::from_le_bytes(b).into())),
            Self::U8 => TensorData::I64(view.gather(bytes, |[b]| b.into())),
            Self::Bool => TensorData::I64(view.gather(bytes, |[b]| (b != 0).into())),
            Self::U16 => TensorData::I64(view.gather(bytes, |b| u16::from_le_bytes(b).into())),
            Self::U32 => TensorData::I64(view.gather(bytes, |b| u32::from_le_bytes(b).into())),
        }
    }
}

/// A float of 16 bits (IEEE 754 binary16). Every one of them is a float of 32.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, bits >> 10 & 0x1f, u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // Subnormal: fraction · 2⁻²⁴, exactly.
        0 => (fraction as f32 * (1.0 / 16_777_216.0)).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        exponent => (u32::from(exponent) + (127 - 15)) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_become_floats() {
        let cases = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x03ff, 6.097_555e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
